import { backoffMs, type Clock, orAborted, PortError, type SendCall, sleep, type Target } from '@pdvend/ports'
import type { Settings } from './config.js'
import { broker } from './errors.js'
import { PUBLISHES_PER_SECOND } from './limits.js'

/** What waits for the data plane at most. */
const MAX_MESSAGES = 10_000
const MAX_BYTES = 32 * 1024 * 1024

/** Messages that wait for a target, or for the app's connection, before what the journal has is refused: those of a second. */
const MAX_KEPT = PUBLISHES_PER_SECOND

/** AWS slows a lane down by refusing: it waits so long, in milliseconds, and keeps its order. */
const SLOWED = { maxAttempts: 8, firstMs: 200, maxMs: 5_000 }

type Way = 'mqtt' | 'http'

export interface OutletParts {
  readonly via: Settings['via']
  /** By the app's connection, which keeps the order of what it is given. */
  mqtt(to: Target, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** By the data plane: one call, as soon as it is made. */
  http(to: Target, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Messages that wait for their turn on the app's connection; Infinity without one. */
  waiting(): number
  readonly clock: Clock
  /** The end of all. */
  readonly signal: AbortSignal
}

/** What is on its way to one target; all of it goes one way, so that its order is kept. */
interface Lane {
  readonly way: Way
  count: number
  last: Promise<unknown>
}

/**
 * How pushes go out. A packet costs less than half of an HTTP call, but one connection takes 100 in a second: `auto` takes the data
 * plane for targets whose turn would not come at once. A target keeps its way as long as something of it is under way, and by
 * HTTP one call of it waits for the one before. What is kept is refused rather than queued, and the device asks for it at the
 * pace at which it comes; but once it is queued it goes out, even if its caller has given it up, for left out it would be a gap.
 */
export class Outlet {
  readonly #lanes = new Map<string, Lane>()
  readonly #sent: Record<Way, number> = { mqtt: 0, http: 0 }
  #waiting = 0
  #bytes = 0

  constructor(private readonly parts: OutletParts) {}

  /** Messages that went each way so far. */
  get sent(): Readonly<Record<Way, number>> {
    return this.#sent
  }

  /** @throws RATE_LIMITED what is kept, when it would have to wait | UNAVAILABLE when too much waits | what the way throws */
  async send(key: string, to: Target, bytes: Uint8Array, { signal, kept = false }: SendCall): Promise<void> {
    signal.throwIfAborted()
    const lane = this.#lanes.get(key) ?? { way: this.#choose(), count: 0, last: Promise.resolve() }
    const busy = lane.count >= MAX_KEPT || (lane.way === 'mqtt' && this.parts.waiting() >= MAX_KEPT)
    if (kept && busy) throw broker.error('RATE_LIMITED', 'send', 'more waits than AWS IoT takes in a second: it follows')
    this.#lanes.set(key, lane)
    lane.count += 1
    // Of what is kept, its caller's end is no end: it would be a gap.
    const until = kept ? this.parts.signal : signal
    const sending = (lane.way === 'mqtt' ? this.parts.mqtt(to, bytes, until) : this.#inTurn(lane, to, bytes, until))
      .then(() => void (this.#sent[lane.way] += 1))
      .finally(() => {
        lane.count -= 1
        if (lane.count === 0) this.#lanes.delete(key)
      })
    await orAborted(sending, signal)
  }

  #choose(): Way {
    const { via, waiting } = this.parts
    if (via !== 'auto') return via
    return waiting() > 0 ? 'http' : 'mqtt'
  }

  #inTurn(lane: Lane, to: Target, bytes: Uint8Array, until: AbortSignal): Promise<void> {
    if (this.#waiting >= MAX_MESSAGES || this.#bytes + bytes.byteLength > MAX_BYTES)
      return Promise.reject(broker.error('UNAVAILABLE', 'send', 'too much waits for the data plane: it is away or slow'))
    this.#waiting += 1
    this.#bytes += bytes.byteLength
    const turn = lane.last.then(() => this.#slowly(to, bytes, until))
    lane.last = turn
      .catch(() => {})
      .finally(() => {
        this.#waiting -= 1
        this.#bytes -= bytes.byteLength
      })
    return turn
  }

  async #slowly(to: Target, bytes: Uint8Array, until: AbortSignal): Promise<void> {
    const { http, clock } = this.parts
    for (let attempt = 1; ; attempt++) {
      until.throwIfAborted()
      try {
        return await http(to, bytes, until)
      } catch (error) {
        if (!PortError.is(error, 'RATE_LIMITED') || attempt === SLOWED.maxAttempts) throw error
        await sleep(clock, SLOWED.firstMs / 2 + backoffMs(SLOWED, attempt), until)
      }
    }
  }
}
