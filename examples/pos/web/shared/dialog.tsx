import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from './icon.js'
import { useLabels } from './labels.js'

/** A modal dialog of the browser's own: it keeps the focus inside and gives it back, and Escape closes it. */
export function Dialog(props: {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
  readonly class?: string
}) {
  const labels = useLabels()
  const element = useRef<HTMLDialogElement>(null)
  const title = useId()
  useEffect(() => {
    const dialog = element.current
    if (dialog !== null && !dialog.open) dialog.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      ref={element}
      class={`dialog ${props.class ?? ''}`}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault()
        props.onClose()
      }}
    >
      <header class="dialog-head">
        <h2 id={title}>{props.title}</h2>
        <button type="button" class="icon-button" aria-label={labels.close} onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </header>
      {props.children}
    </dialog>
  )
}
