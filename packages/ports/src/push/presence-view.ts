import type { CallOptions } from '../call.js'
import type { Calls } from '../calls.js'
import type { PushCapabilities, PushDriver } from './driver.js'
import { checkedDevice } from './names.js'
import { type PresenceFact, PresenceTable } from './presence-table.js'
import type { Presence, PresenceEvent } from './types.js'

/** The most events that wait for a slow watcher; then the oldest of the same device, else the oldest, makes way. */
const MAX_WAITING = 10_000

/** Who is there, from what the engine says, doubled and out of order as it may come. */
export class PresenceView {
  readonly #watchers = new Set<Watcher>()

  constructor(
    private readonly driver: PushDriver,
    private readonly calls: Calls,
    private readonly capabilities: PushCapabilities,
  ) {}

  /** A device that was never seen is offline since the epoch, reason `unknown`. */
  async get(device: string, options?: CallOptions): Promise<Presence> {
    this.calls.require(this.capabilities, 'presence', 'presence.get')
    const name = checkedDevice(device, { adapter: this.calls.adapter, operation: 'presence.get' })
    return this.calls.run({ operation: 'presence.get', target: name, options }, (call) => this.driver.presence(name, call))
  }

  /** Each change from now on, on every instance; ends when the loop is left or the port closes. Repeats are filtered out [P36]. */
  watch(): AsyncIterableIterator<PresenceEvent> {
    this.calls.require(this.capabilities, 'presence', 'presence.watch')
    const watcher = new Watcher(
      (listener) => this.driver.watchPresence(listener),
      () => this.#watchers.delete(watcher),
    )
    this.#watchers.add(watcher)
    return watcher
  }

  close(): void {
    for (const watcher of this.#watchers) void watcher.return()
  }
}

class Watcher implements AsyncIterableIterator<PresenceEvent> {
  readonly #table = new PresenceTable()
  readonly #stop: () => void
  #waiting: PresenceEvent[] = []
  #next: ((result: IteratorResult<PresenceEvent>) => void)[] = []
  #done = false

  constructor(
    watch: (listener: (fact: PresenceFact) => void) => () => void,
    private readonly ended: () => void,
  ) {
    this.#stop = watch((fact) => this.#take(fact))
  }

  next(): Promise<IteratorResult<PresenceEvent>> {
    const event = this.#waiting.shift()
    if (event !== undefined) return Promise.resolve({ value: event, done: false })
    if (this.#done) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#next.push(resolve))
  }

  return(): Promise<IteratorResult<PresenceEvent>> {
    if (!this.#done) {
      this.#done = true
      this.#stop()
      this.ended()
      for (const resolve of this.#next) resolve({ value: undefined, done: true })
      this.#next = []
      this.#waiting = []
    }
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<PresenceEvent> {
    return this
  }

  #take(fact: PresenceFact): void {
    const presence = this.#table.take(fact)
    if (presence === undefined || this.#done) return
    const resolve = this.#next.shift()
    if (resolve !== undefined) return resolve({ value: presence, done: false })
    if (this.#waiting.length >= MAX_WAITING) {
      const older = this.#waiting.findIndex(({ device }) => device === presence.device)
      this.#waiting.splice(Math.max(older, 0), 1)
    }
    this.#waiting.push(presence)
  }
}
