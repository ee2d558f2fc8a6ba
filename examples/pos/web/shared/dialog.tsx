import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
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
  // Before the frame is drawn, so that no key goes to the page behind.
  useLayoutEffect(() => {
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
      onClose={() => {
        // At a second Escape Chromium closes without asking; who shows the dialog decides all the same.
        if (element.current === null) return
        element.current.showModal()
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
