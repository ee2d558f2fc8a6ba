import { useLabels } from './labels.js'
import { Icon } from './icon.js'
import { Store, useStore } from './store.js'

export type NoticeKind = 'info' | 'good' | 'bad'

interface Notice {
  readonly id: number
  readonly kind: NoticeKind
  readonly text: string
}

const SHOWN_MS = { info: 5_000, good: 4_000, bad: 9_000 }
const MAX_SHOWN = 3

const store = new Store<{ notices: readonly Notice[]; spoken: string }>({ notices: [], spoken: '' })
let nextId = 1

function dismiss(id: number): void {
  store.set(({ notices }) => ({ notices: notices.filter((notice) => notice.id !== id) }))
}

/** A short message at the edge of the page; it goes away by itself. */
export function notify(kind: NoticeKind, text: string): void {
  const id = nextId++
  store.set(({ notices }) => ({ notices: [...notices.filter((notice) => notice.text !== text), { id, kind, text }].slice(-MAX_SHOWN) }))
  setTimeout(() => dismiss(id), SHOWN_MS[kind])
}

/** Only for screen readers. */
export function announce(text: string): void {
  store.set({ spoken: text })
}

export function Notices() {
  const labels = useLabels()
  const notices = useStore(store, (state) => state.notices)
  const spoken = useStore(store, (state) => state.spoken)
  return (
    <>
      <div class="notices" role="status" aria-live="polite">
        {notices.map(({ id, kind, text }) => (
          <div class={`notice notice-${kind}`} key={id}>
            <Icon name={kind === 'bad' ? 'warning' : kind === 'good' ? 'check' : 'bell'} />
            <span>{text}</span>
            <button type="button" class="icon-button" aria-label={labels.dismiss} onClick={() => dismiss(id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
      <div class="sr-only" aria-live="polite">
        {spoken}
      </div>
    </>
  )
}
