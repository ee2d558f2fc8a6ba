import { type Clock, sleep } from '@pdvend/ports'
import type { IncomingRecord, KafkaClient, KafkaReader, ReadBatch } from '../../client.js'
import { PARTITION } from '../topics.js'
import type { Appender } from './appender.js'
import { type Operation, readRecord } from './records.js'
import { until } from './signals.js'
import { type Applied, QueueState, type Stored } from './state.js'

/** Between looks after one that failed, in milliseconds: doubled from the first to the last. */
const RETRY_MS = [100, 2_000] as const

/** Operations whose fate is not known yet that are remembered after their caller has left. */
const MAX_ORPHANS = 10_000

export interface ReplicaDeps {
  readonly client: KafkaClient
  readonly clock: Clock
  /** Unique for this process and opening; the appender's. */
  readonly writer: string
}

/**
 * One queue as this process sees it: reads its log from the first record on, keeps the state, writes to it and tells what became
 * of what was written once that has been read back. It finds its way back after a broker was away, and starts over when the part
 * of the log that it wanted is gone.
 */
export class Replica {
  #state = new QueueState(0)
  readonly #operations = new Map<string, (applied: Applied) => void>()
  readonly #stored = new Map<string, (stored: Stored) => void>()
  readonly #listeners = new Set<() => void>()
  readonly #stop = new AbortController()
  #reader: KafkaReader | undefined
  #loop: Promise<void> = Promise.resolve()
  #error: unknown

  private constructor(
    readonly topic: string,
    readonly appender: Appender,
    private readonly deps: ReplicaDeps,
  ) {}

  /** Opens a queue and reads it to its present end. @throws what the client throws, or the signal's reason */
  static async open(topic: string, appender: Appender, deps: ReplicaDeps, signal: AbortSignal): Promise<Replica> {
    const replica = new Replica(topic, appender, deps)
    try {
      await replica.#open(signal)
      return replica
    } catch (error) {
      await replica.close()
      throw error
    }
  }

  get state(): QueueState {
    return this.#state
  }

  get closed(): boolean {
    return this.#stop.signal.aborted
  }

  /** Calls `changed` after each look that brought something; the returned function ends that. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed)
    return () => this.#listeners.delete(changed)
  }

  /** Resolves when everything has been read that was written before this call. @throws what the client throws, or the signal's reason */
  async catchUp(signal: AbortSignal): Promise<void> {
    const { offset } = await until(offsetOf(this.deps.client, this.topic, 'latest'), signal)
    await this.#readTo(offset, signal)
  }

  /** Tells what becomes of a job once its record has been read back; call it before the record is written, and `stop` in the end. */
  told(id: string): { readonly stored: Promise<Stored>; readonly stop: () => void } {
    const stored = new Promise<Stored>((resolve) => this.#stored.set(id, resolve))
    return { stored, stop: () => this.#stored.delete(id) }
  }

  /**
   * Writes an operation and tells on which jobs it took effect. When the caller leaves before that is known, or the broker's
   * answer is lost, `late` hears of it where it comes to be known after all.
   * @throws what the client throws, or the signal's reason
   */
  async operate(operation: Operation, signal: AbortSignal, late: (applied: Applied) => void): Promise<Applied> {
    const { place, written } = this.appender.operate(operation)
    const told = new Promise<Applied>((resolve) => this.#operations.set(place, resolve))
    try {
      await until(Promise.race([written, told]), signal)
      return await until(told, signal)
    } catch (error) {
      void told.then(late)
      if (this.#operations.size > MAX_ORPHANS) this.#operations.delete(this.#operations.keys().next().value!)
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.#stop.abort(new Error('the queue is closed'))
    await this.#reader?.close()
    await this.#loop
    this.#changed()
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { client } = this.deps
    const [start, end] = await until(
      Promise.all([offsetOf(client, this.topic, 'earliest'), offsetOf(client, this.topic, 'latest')]),
      signal,
    )
    this.#state = new QueueState(start.offset)
    this.#reader = await client.reader([{ topic: this.topic, ...start }])
    this.#loop = this.#read()
    await this.#readTo(end.offset, signal)
  }

  async #read(): Promise<void> {
    let batch: ReadBatch | undefined
    for (let failures = 0; !this.closed;) {
      try {
        // Kept until it has been taken: what comes next counts on it.
        batch ??= await this.#reader!.read()
        await this.#takeAll(batch)
        batch = undefined
        failures = 0
        this.#error = undefined
      } catch (error) {
        if (this.closed) return
        this.#error = error
        const [least, most] = RETRY_MS
        await sleep(this.deps.clock, Math.min(most, least * 2 ** failures++), this.#stop.signal).catch(() => {})
      }
    }
  }

  async #takeAll({ records, positions }: ReadBatch): Promise<void> {
    const next = positions[0]?.next ?? this.#state.position
    if (next < this.#state.position) return this.#startOver()
    await this.#checkGap(records[0]?.offset ?? next)
    for (const record of records) this.#take(record)
    if (next > this.#state.position) this.#state.position = next
    if (records.length > 0) this.#changed()
  }

  /** The topic was deleted and made anew. */
  async #startOver(): Promise<void> {
    const start = await offsetOf(this.deps.client, this.topic, 'earliest')
    const reader = await this.deps.client.reader([{ topic: this.topic, ...start }])
    await this.#reader?.close()
    this.#reader = reader
    this.#state = new QueueState(start.offset)
    this.#changed()
  }

  /**
   * Offsets that are passed over are markers of somebody's transactions, or were deleted because nothing before them was needed
   * any more. Then what was known is out of date: everything that lives was copied to behind the gap.
   */
  async #checkGap(next: number): Promise<void> {
    if (next <= this.#state.position) return
    const { offset } = await offsetOf(this.deps.client, this.topic, 'earliest')
    if (offset > this.#state.position) this.#state = new QueueState(offset)
  }

  #take(record: IncomingRecord): void {
    const { offset } = record
    if (offset < this.#state.position) return
    const read = readRecord(record)
    if (read === undefined) {
      this.#state.position = offset + 1
      return
    }
    const { stored, applied } = this.#state.apply(offset, read)
    if (stored !== undefined && read.kind === 'job') this.#stored.get(read.job.id)?.(stored)
    if (applied === undefined || read.kind !== 'operations' || read.writer !== this.deps.writer) return
    for (const [index, entries] of applied.entries()) {
      const place = `${read.batch} ${index}`
      this.#operations.get(place)?.(entries)
      this.#operations.delete(place)
    }
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** @throws when the signal aborts, the reader's own last error where there is one */
  async #readTo(end: number, signal: AbortSignal): Promise<void> {
    const reached = (): boolean => this.closed || this.#state.position >= end
    if (reached()) return
    let stop = (): void => {}
    const there = new Promise<void>((resolve) => (stop = this.onChange(() => reached() && resolve())))
    try {
      await until(there, signal)
    } catch (error) {
      throw this.#error ?? error
    } finally {
      stop()
    }
  }
}

async function offsetOf(
  client: KafkaClient,
  topic: string,
  at: 'earliest' | 'latest',
): Promise<{ readonly partition: number; readonly offset: number }> {
  const found = (await client.admin.offsets(topic, at)).find(({ partition }) => partition === PARTITION)
  if (found === undefined) throw new Error(`${topic} has no partition ${PARTITION}`)
  return found
}
