import type { EventSpool } from './spool.js'

/** Who waits until everything up to a sequence is settled. */
export class Flushes {
  readonly #waiting = new Set<{ readonly upTo: number; readonly done: () => void }>()

  constructor(private readonly spool: EventSpool) {}

  /** Resolves true when all that was in the spool, and what `arriving` still brings, is settled; false when `over` aborts first. */
  async settled(arriving: Promise<unknown>, over: AbortSignal): Promise<boolean> {
    if (!(await within(arriving, over))) return false
    const upTo = this.spool.lastSequence
    if (this.spool.settledBelow() > upTo) return true
    const settled = new Promise<void>((resolve) => {
      const entry = { upTo, done: () => (this.#waiting.delete(entry), resolve()) }
      this.#waiting.add(entry)
      over.addEventListener('abort', () => this.#waiting.delete(entry), { once: true })
    })
    return within(settled, over)
  }

  /** Something was settled or dropped. */
  progress(): void {
    if (this.#waiting.size === 0) return
    const below = this.spool.settledBelow()
    for (const { upTo, done } of this.#waiting) if (below > upTo) done()
  }
}

function within(work: Promise<unknown>, over: AbortSignal): Promise<boolean> {
  if (over.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(false)
    over.addEventListener('abort', onAbort, { once: true })
    void work.then(() => {
      over.removeEventListener('abort', onAbort)
      resolve(true)
    })
  })
}
