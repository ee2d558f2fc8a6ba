import { backoffMs, type Clock, type ClockTimer, type DownFrame, newId } from '@pdvend/ports/wire'

/** What the app says by itself; it may lie behind the answer that is on its way. */
type Live = Extract<DownFrame, { kind: 'message' | 'heads' }>

/** How long the app may be silent before the question is asked again: 2 s, then longer, with jitter. */
const RETRY = { maxAttempts: Infinity, firstMs: 2_000, maxMs: 30_000 }
/** How long after an answer with a hole the question is asked again, in milliseconds. */
const BROKEN_MS = 200
/** The most live frames held back while the past is being fetched; what does not fit is fetched after. */
const MAX_HELD = 256

interface Parts {
  readonly clock: Clock
  readonly random: () => number
  readonly heartbeatMs: number
  resyncing(state: boolean): void
}

interface Owner {
  /** Sends the question. */
  ask(id: string): Promise<void>
  /** Takes a live frame that was held back. */
  take(frame: Live): void
}

/** The conversation by which a device learns what it missed: one question at a time, asked again until it is answered. */
export class Sync {
  #current: { readonly id: string; readonly askedAt: number; readonly early: boolean; heard: boolean; parts: number } | undefined
  #held: Live[] = []
  #overflowed = false
  #timer: ClockTimer | undefined
  #attempt = 0
  #online = false
  #quiet = false
  #offsetMs = 0

  constructor(
    private readonly parts: Parts,
    private readonly owner: Owner,
  ) {}

  /** What to add to this machine's clock to get the app's. */
  get clockOffsetMs(): number {
    return this.#offsetMs
  }

  guessClock(offsetMs: number): void {
    this.#offsetMs = offsetMs
  }

  connected(): void {
    this.#online = true
    this.#attempt = 0
    this.parts.resyncing(true)
    this.#ask()
  }

  disconnected(): void {
    this.#online = false
    this.#current = undefined
    this.#held = []
    this.#arm(undefined)
  }

  close(): void {
    this.disconnected()
  }

  /** Asks now, if no question is open. */
  start(): void {
    if (!this.#online || (this.#current !== undefined && !this.#quiet)) return
    this.parts.resyncing(true)
    this.#ask()
  }

  /** Is this the next part of the answer that we wait for? Behind a lost part nothing counts: it is asked for again. */
  takesPart(id: string, part: number | undefined): boolean {
    if (this.#current?.id !== id) return false
    this.#current.heard = true
    if (part !== this.#current.parts) return false
    this.#current.parts += 1
    return true
  }

  /** Has every part come? If not, the rest is asked for soon. */
  isWhole(id: string, parts: number): boolean {
    if (this.#current?.id !== id) return false
    if (this.#current.parts === parts) return true
    this.#current.heard = false
    this.#arm(BROKEN_MS * (0.5 + this.parts.random()))
    return false
  }

  /** Keeps a live frame for after the answer; false = no question is open. */
  holds(frame: Live): boolean {
    if (this.#current === undefined || this.#quiet) return false
    if (this.#held.length < MAX_HELD) this.#held.push(frame)
    else this.#overflowed = true
    const { heard, early, askedAt } = this.#current
    // An app that was away is back: what it sends shall not wait until the question is due again. Once, for it may just be slow.
    if (!heard && !early && this.parts.clock.now() - askedAt >= RETRY.firstMs) this.#put(true)
    return true
  }

  /** The answer is complete. Its way there and back bounds the error of the app's clock. */
  ended(serverNow: number, more: boolean): void {
    const now = this.parts.clock.now()
    if (this.#current !== undefined) this.#offsetMs = serverNow - Math.round((this.#current.askedAt + now) / 2)
    this.#current = undefined
    this.#attempt = 0
    this.#quiet = false
    if (more) return this.#arm(undefined)
    this.#arm(this.parts.heartbeatMs * (0.8 + 0.4 * this.parts.random()))
    const held = this.#held
    this.#held = []
    for (const frame of held) this.owner.take(frame)
    if (this.#overflowed) this.start()
    this.#overflowed = false
    if (this.#current === undefined) this.parts.resyncing(false)
  }

  #ask(): void {
    this.#quiet = false
    this.#put()
  }

  #put(early = false): void {
    const question = { id: newId(), askedAt: this.parts.clock.now(), early, heard: false, parts: 0 }
    this.#current = question
    this.#attempt += 1
    this.#arm(RETRY.firstMs / 2 + backoffMs(RETRY, this.#attempt, this.parts.random))
    // Not sent: the connection is going down, or the timer asks again.
    this.owner.ask(question.id).catch(() => {})
  }

  #arm(delayMs: number | undefined): void {
    this.#timer?.cancel()
    this.#timer = delayMs === undefined ? undefined : this.parts.clock.timer(delayMs, () => this.#due())
  }

  /** The heartbeat, or no answer in time. An answer that is still coming in gets its time again. */
  #due(): void {
    if (!this.#online) return
    if (this.#current?.heard) {
      this.#current.heard = false
      return this.#arm(RETRY.firstMs)
    }
    if (this.#current === undefined) this.#quiet = true
    this.#put()
  }
}
