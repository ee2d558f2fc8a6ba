import {
  backoffMs,
  type Clock,
  type Cursors,
  type DeviceOutcome,
  type DownFrame,
  errorText,
  type RetryPolicy,
  sleep,
  type UpFrame,
} from '@pdvend/ports/wire'
import { Acknowledger } from './acknowledger.js'
import { type Handlers, Hopeless } from './handlers.js'
import type { Memory } from './memory.js'
import { Sync } from './sync.js'

/** The most messages that wait for their handler in memory; beyond it they stay in the journal. */
const MAX_QUEUED = 256
/** How long a handled id is remembered beyond the message's ttl, in milliseconds. */
const REMEMBER_MS = 60_000
/** How the stream of a group is named. */
const GROUP = 'group:'

type Message = Extract<DownFrame, { kind: 'message' }>

/** A message that ended without being handled. */
export interface Failure {
  readonly id: string
  readonly state: 'failed' | 'expired'
  readonly error?: string
}

export interface InboxParts {
  readonly clock: Clock
  readonly memory: Memory
  readonly handlers: Handlers
  readonly retry: RetryPolicy
  readonly random: () => number
  readonly heartbeatMs: number
  /** To any instance of the app, or to one. Rejects while offline. */
  send(frame: UpFrame, instance?: string): Promise<void>
  /** True: fetching what was missed. */
  resyncing(state: boolean): void
  /** The device's groups, as the app's journal knows them. */
  grouped(groups: readonly string[]): void
  /** Streams whose history is gone. */
  lost(streams: readonly string[]): void
  failed(failure: Failure): void
}

/**
 * What arrives for this device: in order, one at a time, each once. A gap in a stream's sequence, or a connection that is
 * new, makes it ask the app for what lies between; the app keeps all until this device has acknowledged it.
 */
export class Inbox {
  readonly #sync: Sync
  readonly #acknowledger: Acknowledger
  /** Up to where each stream has been taken in; `memory.progress` says up to where it is done. */
  #received: Record<string, number>
  /** Streams that an answer was whole of. Before that a cursor would say that the retained state, which lies behind it, is here. */
  readonly #whole: Set<string>
  #queue: Message[] = []
  #running: Promise<void> | undefined
  #full = false
  readonly #ended = new AbortController()

  constructor(private readonly parts: InboxParts) {
    const { clock, memory } = parts
    this.#received = { ...memory.progress?.cursors }
    this.#whole = new Set(Object.keys(this.#received))
    this.#acknowledger = new Acknowledger(
      clock,
      (frame) => parts.send(frame),
      () => memory.progress?.journal,
    )
    this.#sync = new Sync(parts, {
      ask: async (id) => {
        await this.#acknowledger.flush()
        const journal = memory.progress?.journal
        await parts.send({ kind: 'sync', sync: id, ...(journal === undefined ? {} : { journal }), cursors: this.#cursors() })
      },
      take: (frame) => (frame.kind === 'heads' ? this.#heads(frame) : this.#live(frame)),
    })
  }

  connected(): void {
    this.#sync.connected()
  }

  disconnected(): void {
    this.#sync.disconnected()
  }

  take(frame: DownFrame): void {
    if (frame.kind === 'message') this.#message(frame)
    else if (frame.kind === 'synced') this.#synced(frame)
    else if (frame.kind === 'heads' && !this.#sync.holds(frame)) this.#heads(frame)
  }

  /** The app's clock in milliseconds: a ttl is the app's, and tills have wrong clocks. */
  now(): number {
    return this.parts.clock.now() + this.#sync.clockOffsetMs
  }

  /** The app said its time when it issued the connection. */
  setClock(serverNow: number): void {
    this.#sync.guessClock(serverNow - this.parts.clock.now())
  }

  async close(): Promise<void> {
    this.#sync.close()
    this.#ended.abort(new Error('closed'))
    this.#queue = []
    await this.#running
    await this.#acknowledger.flush()
    this.#acknowledger.close()
  }

  #message(message: Message): void {
    if (message.place === undefined) {
      if (this.#queue.length < MAX_QUEUED) this.#enqueue(message)
      return
    }
    if (message.sync === undefined) return this.#sync.holds(message) ? undefined : this.#live(message)
    if (!this.#sync.takesPart(message.sync, message.part)) return
    this.#adopt(message.place.journal)
    if (message.place.sequence > (this.#received[message.place.stream] ?? -1)) this.#enqueue(message)
  }

  /** Fits right behind what we have, or shows that something is missing. */
  #live(message: Message): void {
    // What does not fit now is fetched once the queue has drained.
    if (this.#full) return
    const { journal, stream, sequence, previous } = message.place!
    const received = this.#received[stream]
    if (journal !== this.parts.memory.progress?.journal || received === undefined || previous > received) return this.#sync.start()
    if (sequence <= received) return
    if (this.#queue.length >= MAX_QUEUED) this.#full = true
    else this.#enqueue(message)
  }

  #heads({ journal, heads }: Extract<DownFrame, { kind: 'heads' }>): void {
    const known = journal === this.parts.memory.progress?.journal
    if (!known || Object.entries(heads).some(([stream, head]) => head > (this.#received[stream] ?? -1))) this.#sync.start()
  }

  #synced(frame: Extract<DownFrame, { kind: 'synced' }>): void {
    if (!this.#sync.isWhole(frame.sync, frame.parts)) return
    this.#adopt(frame.journal)
    for (const [stream, sequence] of Object.entries(frame.cursors)) {
      this.#received[stream] = Math.max(sequence, this.#received[stream] ?? -1)
      this.#whole.add(stream)
    }
    if (frame.lost.length > 0) this.parts.lost(frame.lost)
    // What came while the queue was full may lie behind this answer.
    this.#full ||= frame.more
    this.#sync.ended(frame.sentAt, frame.more)
    this.#pump()
    this.parts.grouped(Object.keys(frame.cursors).flatMap((stream) => (stream.startsWith(GROUP) ? [stream.slice(GROUP.length)] : [])))
  }

  /** Another journal's sequences begin anew; what it cannot hand out any more is lost. */
  #adopt(journal: string): void {
    const { memory } = this.parts
    const former = memory.progress
    if (former?.journal === journal) return
    memory.progress = { journal, cursors: {} }
    this.#received = {}
    this.#whole.clear()
    this.#acknowledger.forget()
    if (former !== undefined) this.parts.lost(Object.keys(former.cursors))
  }

  #cursors(): Cursors {
    return Object.fromEntries(Object.entries(this.#received).filter(([stream]) => this.#whole.has(stream)))
  }

  #enqueue(message: Message): void {
    if (message.place !== undefined) this.#received[message.place.stream] = message.place.sequence
    if (message.receiptTo !== undefined) this.#receipt(message, 'received')
    this.#queue.push(message)
    this.#pump()
  }

  #pump(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#queue.length > 0 && !this.#ended.signal.aborted) this.#pump()
    })
  }

  async #run(): Promise<void> {
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
      const end = await this.#handle(message)
      if (end === undefined) return
      await this.#settle(message, end)
    }
    await this.#caughtUp()
  }

  /** The queue is empty: whatever was skipped on the way (expired, replaced) is done too; what did not fit is asked for. */
  async #caughtUp(): Promise<void> {
    const { memory } = this.parts
    const { progress } = memory
    const cursors = this.#cursors()
    const skipped = Object.entries(cursors).filter(([stream, at]) => progress?.cursors[stream] !== at)
    if (progress !== undefined && skipped.length > 0) {
      await memory.done({ journal: progress.journal, cursors })
      for (const [stream, at] of skipped) this.#acknowledger.add(stream, at)
    }
    if (this.#full && this.#queue.length === 0) {
      this.#full = false
      this.#sync.start()
    }
  }

  /** Runs the handlers until they succeed or there is no hope; undefined = closed in between. */
  async #handle(message: Message): Promise<DeviceOutcome | Failure | undefined> {
    const { clock, handlers, memory, retry, random } = this.parts
    const { id } = message
    const { signal } = this.#ended
    if (memory.seen.has(id)) return 'handled'
    for (let attempt = 1; !signal.aborted; attempt++) {
      if (this.now() >= message.expiresAt) return { id, state: 'expired' }
      try {
        await handlers.run(message.body, message.expiresAt, attempt)
        return 'handled'
      } catch (error) {
        const text = error instanceof Hopeless ? error.message : errorText(error)
        if (error instanceof Hopeless || attempt >= retry.maxAttempts) return { id, state: 'failed', error: text.slice(0, 500) }
        await sleep(clock, backoffMs(retry, attempt, random), signal).catch(() => {})
      }
    }
    return undefined
  }

  /** First to the store, then to the app: a crash in between makes it arrive again, and its id is known. */
  async #settle(message: Message, end: DeviceOutcome | Failure): Promise<void> {
    const { memory } = this.parts
    const { place } = message
    const failure = typeof end === 'string' ? undefined : end
    const current = memory.progress
    const fits = place !== undefined && current?.journal === place.journal
    // A stream that is new gets its first cursor once all of it is done: see `#caughtUp`.
    const step = fits && Object.hasOwn(current.cursors, place.stream) ? { [place.stream]: place.sequence } : {}
    const progress = fits ? { journal: place.journal, cursors: { ...current.cursors, ...step } } : undefined
    await memory.done(progress, { id: message.id, until: message.expiresAt + REMEMBER_MS })
    if (message.receiptTo !== undefined) this.#receipt(message, failure?.state ?? 'handled', failure?.error)
    if (fits) this.#acknowledger.add(place.stream, place.sequence, failure)
    if (failure !== undefined) this.parts.failed(failure)
  }

  #receipt({ id, receiptTo }: Message, state: DeviceOutcome, error?: string): void {
    // Lost while offline: the publisher then learns it from the journal.
    this.parts.send({ kind: 'receipt', id, state, ...(error === undefined ? {} : { error }) }, receiptTo).catch(() => {})
  }
}
