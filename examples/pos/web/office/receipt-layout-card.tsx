import { useEffect, useId, useState } from 'preact/hooks'
import { MAX_FOOTER, type ReceiptLayout, unknownFields } from '../../src/domain/receipt.js'
import { api } from '../shared/api.js'
import { Icon } from '../shared/icon.js'
import { useLabels } from '../shared/labels.js'
import { notify } from '../shared/notices.js'

/** Until what could not be read is read again, in milliseconds. */
const RETRY_MS = 3_000

/** The shop's text on receipts. A field that does not exist makes receipts fail, and says so before it is saved. */
export function ReceiptLayoutCard() {
  const labels = useLabels()
  const [layout, setLayout] = useState<ReceiptLayout | undefined>()
  const id = useId()
  useEffect(() => {
    let again: ReturnType<typeof setTimeout> | undefined
    const load = (): void => {
      api.layout().then(setLayout, () => (again = setTimeout(load, RETRY_MS)))
    }
    load()
    return () => clearTimeout(again)
  }, [])
  const unknown = layout === undefined ? [] : unknownFields(layout.footer)
  const save = async (): Promise<void> => {
    if (layout === undefined) return
    try {
      setLayout(await api.saveLayout(layout))
      notify('good', labels.saved)
    } catch {
      notify('bad', labels.failed)
    }
  }
  return (
    <section class="cardbox" aria-label={labels.receiptLayout}>
      <header>
        <h2>{labels.receiptLayout}</h2>
      </header>
      {layout === undefined ? (
        <p class="empty">{labels.loading}</p>
      ) : (
        <form
          class="dialog-body"
          onSubmit={(event) => {
            event.preventDefault()
            void save()
          }}
        >
          <div class="field">
            <label for={`${id}-name`}>{labels.storeName}</label>
            <input
              class="input"
              id={`${id}-name`}
              required
              maxLength={60}
              value={layout.storeName}
              onInput={(event) => setLayout({ ...layout, storeName: (event.currentTarget as HTMLInputElement).value })}
            />
          </div>
          <div class="field">
            <label for={`${id}-footer`}>{labels.footer}</label>
            <textarea
              class="input"
              id={`${id}-footer`}
              maxLength={MAX_FOOTER}
              rows={3}
              value={layout.footer}
              aria-describedby={`${id}-hint`}
              onInput={(event) => setLayout({ ...layout, footer: (event.currentTarget as HTMLTextAreaElement).value })}
            />
            <span id={`${id}-hint`} class="muted small-text">
              {labels.footerHint}
            </span>
          </div>
          {unknown.length > 0 && (
            <p class="alert alert-warn" role="alert">
              <Icon name="warning" />
              {labels.footerUnknown(unknown.map((field) => `{${field}}`).join(', '))}
            </p>
          )}
          <button type="submit" class="button button-main">
            {labels.save}
          </button>
        </form>
      )}
    </section>
  )
}
