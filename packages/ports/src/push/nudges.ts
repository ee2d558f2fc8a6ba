import type { Clock, ClockTimer } from '../clock.js'
import type { PushDriver } from './driver.js'
import { targetOf } from './names.js'
import { type Cursors, encodeFrame } from './wire.js'

/** How long a stream waits before its head is told again, in milliseconds. */
const RETRY_MS = 1_000

/**
 * [P56] Tells devices how far a stream goes, where its messages may not have left: after a failed send, and at start for
 * whatever an instance that died had kept but not sent. A device that is behind asks for what it lacks.
 */
export class Nudges {
  readonly #heads = new Map<string, number>()
  #timer: ClockTimer | undefined
  #closed = false

  constructor(
    private readonly driver: PushDriver,
    private readonly journal: string,
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {}

  add(heads: Cursors): void {
    for (const [stream, head] of Object.entries(heads)) this.#heads.set(stream, Math.max(head, this.#heads.get(stream) ?? 0))
    if (this.#heads.size > 0) this.#arm(0)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #arm(delayMs: number): void {
    if (this.#closed || this.#timer !== undefined) return
    this.#timer = this.clock.timer(delayMs, () => void this.#run())
  }

  async #run(): Promise<void> {
    for (const [stream, head] of [...this.#heads]) {
      if (this.#closed) return
      const bytes = encodeFrame({ kind: 'heads', journal: this.journal, heads: { [stream]: head }, sentAt: this.clock.now() })
      const sent = await this.driver.send(targetOf(stream), bytes, { signal: this.signal }).then(
        () => true,
        () => false,
      )
      if (!sent) break
      if (this.#heads.get(stream) === head) this.#heads.delete(stream)
    }
    this.#timer = undefined
    if (this.#heads.size > 0) this.#arm(RETRY_MS)
  }
}
