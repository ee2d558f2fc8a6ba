import type { Clock, ClockTimer, UpFrame, WireOutcome } from '@pdvend/ports/wire'

/** How long acknowledgements are gathered, in milliseconds. */
const GATHER_MS = 20
/** The most outcomes of one frame. */
const MAX_OUTCOMES = 100

/** Tells the app how far the device is done: cumulative, so one frame stands for many messages and a lost one does no harm. */
export class Acknowledger {
  #dirty = new Map<string, number>()
  #outcomes: WireOutcome[] = []
  #timer: ClockTimer | undefined

  constructor(
    private readonly clock: Clock,
    private readonly send: (frame: UpFrame) => Promise<void>,
    private readonly journal: () => string | undefined,
  ) {}

  /** `sequence` of `stream` and all before it are done; `outcome` where it was not simply handled. */
  add(stream: string, sequence: number, outcome?: WireOutcome): void {
    this.#dirty.set(stream, sequence)
    if (outcome !== undefined) this.#outcomes.push(outcome)
    this.#timer ??= this.clock.timer(GATHER_MS, () => void this.flush())
  }

  /** Sends what has gathered; what does not go through waits for the next time. */
  async flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const journal = this.journal()
    if (journal === undefined || this.#dirty.size === 0) return
    const dirty = this.#dirty
    const outcomes = this.#outcomes.splice(0, MAX_OUTCOMES)
    this.#dirty = new Map()
    try {
      await this.send({ kind: 'ack', journal, cursors: Object.fromEntries(dirty), outcomes })
    } catch {
      // Offline: kept, and sent with the next sync.
      for (const [stream, sequence] of dirty) if (!this.#dirty.has(stream)) this.#dirty.set(stream, sequence)
      this.#outcomes.unshift(...outcomes)
      return
    }
    if (this.#outcomes.length > 0) await this.flush()
  }

  /** The journal is another one: what was gathered means nothing there. */
  forget(): void {
    this.#dirty.clear()
    this.#outcomes = []
  }

  close(): void {
    this.#timer?.cancel()
  }
}
