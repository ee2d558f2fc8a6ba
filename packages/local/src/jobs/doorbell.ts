import type { Clock } from '@pdvend/ports'
import { type Bell, openBell } from '../sqlite/bell.js'

/** A ring that got lost (file systems without change events) is made up for after so long. */
const FALLBACK_MS = 5_000

/** Wakes receivers that wait for jobs: those of this process at once, those of others by the bell. */
export class Doorbell {
  readonly #bell: Bell
  readonly #waiters = new Set<() => void>()
  #listening = false
  #ringing = false
  #closed = false

  constructor(
    file: string,
    private readonly clock: Clock,
  ) {
    this.#bell = openBell(file, FALLBACK_MS)
  }

  /** Tells everybody, once for all that this tick has committed. */
  ring(): void {
    if (this.#ringing || this.#closed) return
    this.#ringing = true
    this.#wake()
    setImmediate(() => {
      this.#ringing = false
      this.#bell.ring()
    })
  }

  /**
   * From now on notes every ring; `wait` resolves at once when there was one, else with the next ring, at `until`, or when
   * the signal aborts. Made before looking for jobs, so that no ring falls in between.
   */
  attend(): { wait(until: number, signal: AbortSignal): Promise<void>; leave(): void } {
    if (!this.#listening && !this.#closed) {
      this.#listening = true
      this.#bell.listen(() => this.#wake())
    }
    let rung = false
    let go: (() => void) | undefined
    const waiter = (): void => {
      rung = true
      go?.()
    }
    this.#waiters.add(waiter)
    return {
      wait: async (until, signal) => {
        if (!rung && !signal.aborted && !this.#closed)
          await new Promise<void>((resolve) => {
            go = () => {
              go = undefined
              timer.cancel()
              signal.removeEventListener('abort', waiter)
              resolve()
            }
            const timer = this.clock.timer(Math.max(0, until - this.clock.now()), waiter)
            signal.addEventListener('abort', waiter, { once: true })
          })
        rung = false
      },
      leave: () => this.#waiters.delete(waiter),
    }
  }

  close(): void {
    this.#closed = true
    this.#wake()
    this.#bell.close()
  }

  get closed(): boolean {
    return this.#closed
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter()
  }
}
