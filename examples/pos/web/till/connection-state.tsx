import type { DeviceStatus } from '@pdvend/device'
import { useId, useState } from 'preact/hooks'
import { Dialog } from '../shared/dialog.js'
import { Icon } from '../shared/icon.js'
import { keep } from '../shared/keep.js'
import { useLabels } from '../shared/labels.js'
import type { Labels } from '../shared/labels-pt.js'
import { useStore } from '../shared/store.js'
import { MAX_TILL_NAME, TILL_NAME } from './till-name.js'
import type { Till } from './till-store.js'

const looks: Readonly<Record<DeviceStatus, { readonly class: string; readonly label: keyof Labels }>> = {
  connecting: { class: 'badge-warn', label: 'statusConnecting' },
  online: { class: 'badge-good', label: 'statusOnline' },
  resyncing: { class: 'badge-warn', label: 'statusResyncing' },
  offline: { class: 'badge-bad', label: 'statusOffline' },
  takenOver: { class: 'badge-bad', label: 'statusTakenOver' },
  denied: { class: 'badge-bad', label: 'statusDenied' },
}

/** Which till this is and how it is connected. */
export function ConnectionState({ till }: { readonly till: Till }) {
  const labels = useLabels()
  const status = useStore(till.store, (state) => state.status)
  const [renaming, setRenaming] = useState(false)
  const look = looks[status]
  return (
    <>
      {status === 'takenOver' && (
        <button type="button" class="button button-small" onClick={() => till.takeOver()}>
          {labels.useHere}
        </button>
      )}
      <span class={`badge ${look.class}`} role="status" data-status={status}>
        {labels[look.label] as string}
      </span>
      <button type="button" class="till-name" aria-label={`${labels.tillName}: ${till.name}`} onClick={() => setRenaming(true)}>
        <Icon name="device" />
        {till.name}
      </button>
      {renaming && <RenameDialog name={till.name} onClose={() => setRenaming(false)} />}
    </>
  )
}

function RenameDialog({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const labels = useLabels()
  const [wrong, setWrong] = useState(false)
  const id = useId()
  return (
    <Dialog title={labels.tillName} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault()
          const next = new FormData(event.currentTarget as HTMLFormElement).get('till')
          if (typeof next !== 'string' || !TILL_NAME.test(next)) return setWrong(true)
          keep('till', next)
          location.assign('/till')
        }}
      >
        <div class="field">
          <label for={id}>{labels.tillName}</label>
          <input
            class="input"
            id={id}
            name="till"
            defaultValue={name}
            maxLength={MAX_TILL_NAME}
            autocomplete="off"
            aria-invalid={wrong}
            aria-describedby={`${id}-hint`}
          />
          <span id={`${id}-hint`} class={wrong ? 'field-error' : 'muted small-text'} aria-live="polite">
            {wrong ? labels.tillNameWrong : labels.tillNameHint}
          </span>
        </div>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            {labels.cancel}
          </button>
          <button type="submit" class="button button-main">
            {labels.save}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
