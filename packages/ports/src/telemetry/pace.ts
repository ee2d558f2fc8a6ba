import { type Clock, sleep } from '../clock.js'

const FIRST_MS = 50
const MAX_MS = 5_000
/** Below it the engine counts as no longer throttled. */
const GONE_MS = 5

/** [T30] How fast batches may leave: an engine that throttles doubles the gap between them, each success narrows it again. */
export class Pace {
  #gapMs = 0
  #notBefore = 0

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  /** The gap between two batches in milliseconds; 0 = as fast as can be. */
  get gapMs(): number {
    return this.#gapMs
  }

  /** The engine said that it is too much; `retryAfterMs` is what it asked for. */
  throttled(retryAfterMs = 0): void {
    this.#gapMs = Math.min(MAX_MS, Math.max(FIRST_MS, this.#gapMs * 2, retryAfterMs))
    this.#notBefore = Math.max(this.#notBefore, this.clock.now() + retryAfterMs)
  }

  succeeded(): void {
    this.#gapMs = this.#gapMs * 0.7 < GONE_MS ? 0 : this.#gapMs * 0.7
  }

  /** Resolves when the next batch may leave. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.clock.now()
    const at = Math.max(this.#notBefore, now)
    if (this.#gapMs > 0) this.#notBefore = at + this.#gapMs * (0.5 + this.random() / 2)
    if (at > now) await sleep(this.clock, at - now, signal)
  }
}
