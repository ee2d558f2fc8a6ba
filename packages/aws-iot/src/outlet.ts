import type { Target } from '@pdvend/ports'
import type { Settings } from './config.js'
import { broker } from './errors.js'

/** What waits for the data plane at most. */
const MAX_MESSAGES = 10_000
const MAX_BYTES = 32 * 1024 * 1024

type Way = 'mqtt' | 'http'

export interface OutletParts {
  readonly via: Settings['via']
  /** By the app's connection, which keeps the order of what it is given. */
  mqtt(to: Target, bytes: Uint8Array): Promise<void>
  /** By the data plane: one call, as soon as it is made. */
  http(to: Target, bytes: Uint8Array): Promise<void>
  /** Would a message on the app's connection have to wait? */
  congested(): boolean
}

/** What is on its way to one target; all of it goes one way, so that its order is kept. */
interface Lane {
  readonly way: Way
  count: number
  last: Promise<unknown>
}

/**
 * How pushes go out. A packet costs a tenth of an HTTP call, but one connection takes 100 in a second: `auto` takes the data
 * plane for targets whose turn would not come at once. A target keeps its way as long as something of it is under way, and by
 * HTTP one call of it waits for the one before. What its caller gives up in the queue goes out all the same: left out, it would
 * be a gap, and the device would ask for all that came after it once more.
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

  /** @throws UNAVAILABLE when too much waits, and what the way throws */
  async send(key: string, to: Target, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const lane = this.#lanes.get(key) ?? { way: this.#choose(), count: 0, last: Promise.resolve() }
    this.#lanes.set(key, lane)
    lane.count += 1
    const sending = (lane.way === 'mqtt' ? this.parts.mqtt(to, bytes) : this.#inTurn(lane, to, bytes))
      .then(() => void (this.#sent[lane.way] += 1))
      .finally(() => {
        lane.count -= 1
        if (lane.count === 0) this.#lanes.delete(key)
      })
    await orAborted(sending, signal)
  }

  #choose(): Way {
    const { via, congested } = this.parts
    if (via !== 'auto') return via
    return congested() ? 'http' : 'mqtt'
  }

  #inTurn(lane: Lane, to: Target, bytes: Uint8Array): Promise<void> {
    if (this.#waiting >= MAX_MESSAGES || this.#bytes + bytes.byteLength > MAX_BYTES)
      return Promise.reject(broker.error('UNAVAILABLE', 'send', 'too much waits for the data plane: it is away or slow'))
    this.#waiting += 1
    this.#bytes += bytes.byteLength
    const turn = lane.last.then(() => this.parts.http(to, bytes))
    lane.last = turn
      .catch(() => {})
      .finally(() => {
        this.#waiting -= 1
        this.#bytes -= bytes.byteLength
      })
    return turn
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
