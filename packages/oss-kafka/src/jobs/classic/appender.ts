import type { KafkaProducer } from '../../client.js'
import { PARTITION } from '../topics.js'
import { type NewRecord, type Operation, operationsRecord, sizeOf } from './records.js'
import { onAbort } from './signals.js'

/** Bytes of one batch, below what {@link TOPIC_CONFIG} lets a topic take; one record alone may be larger. */
const MAX_BATCH_BYTES = 1_000_000

interface Waiting {
  readonly record: NewRecord
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Operations that share a record. */
interface Group {
  readonly batch: number
  readonly operations: Operation[]
  bytes: number
  readonly written: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes to one queue's log, one batch under way at a time: what comes meanwhile goes into the next, so that many small calls
 * share their round trips, and all records of this process stand in the order in which they were asked for.
 */
export class Appender {
  #records: Waiting[] = []
  #groups: Group[] = []
  #batches = 0
  #writing: Promise<void> | undefined

  constructor(
    readonly topic: string,
    private readonly writer: string,
    private readonly producer: () => Promise<KafkaProducer>,
  ) {}

  /**
   * One promise a record, which resolves when all in-sync replicas have it. Where the signal aborts before a record was sent, it
   * is not sent; afterwards nobody knows. They reject with what the client throws, or the signal's reason.
   */
  append(records: readonly NewRecord[], signal: AbortSignal): readonly Promise<void>[] {
    const waiting = new Set<Waiting>()
    let stop = (): void => {}
    const abort = (): void => {
      this.#records = this.#records.filter((each) => !waiting.has(each))
      for (const { reject } of waiting) reject(signal.reason)
    }
    const promises = records.map(
      (record) =>
        new Promise<void>((resolve, reject) => {
          const end = (): void => {
            waiting.delete(one)
            if (waiting.size === 0) stop()
          }
          const one: Waiting = { record, resolve: () => (end(), resolve()), reject: (error) => (end(), reject(error as Error)) }
          waiting.add(one)
          if (!signal.aborted) this.#records.push(one)
        }),
    )
    stop = onAbort(signal, abort)
    this.#start()
    return promises
  }

  /** Appends an operation; `place` is where among this writer's records it will be read back: batch and index. */
  operate(operation: Operation): { readonly place: string; readonly written: Promise<void> } {
    const bytes = JSON.stringify(operation).length * 2
    let group = this.#groups.at(-1)
    if (group === undefined || group.bytes + bytes > MAX_BATCH_BYTES) this.#groups.push((group = groupOf(++this.#batches)))
    group.bytes += bytes
    const index = group.operations.push(operation) - 1
    this.#start()
    return { place: `${group.batch} ${index}`, written: group.written }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  #start(): void {
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#write())
      .finally(() => {
        this.#writing = undefined
        if (this.#records.length > 0 || this.#groups.length > 0) this.#start()
      })
  }

  async #write(): Promise<void> {
    const batch: Waiting[] = []
    let bytes = 0
    const group = this.#groups.shift()
    if (group !== undefined) {
      const record = operationsRecord(this.writer, group.batch, group.operations)
      batch.push({ record, resolve: group.resolve, reject: group.reject })
      bytes += sizeOf(record)
    }
    let count = 0
    for (const { record } of this.#records) {
      const size = sizeOf(record)
      if (batch.length + count > 0 && bytes + size > MAX_BATCH_BYTES) break
      bytes += size
      count++
    }
    batch.push(...this.#records.splice(0, count))
    try {
      const producer = await this.producer()
      const outcomes = await producer.send(batch.map(({ record }) => ({ topic: this.topic, partition: PARTITION, ...record })))
      for (const [at, outcome] of outcomes.entries()) {
        if ('error' in outcome) batch[at]!.reject(outcome.error)
        else batch[at]!.resolve()
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}

function groupOf(batch: number): Group {
  let [resolve, reject] = [(): void => {}, (_: unknown): void => {}]
  const written = new Promise<void>((onDone, onError) => ([resolve, reject] = [onDone, onError]))
  written.catch(() => {})
  return { batch, operations: [], bytes: 0, written, resolve, reject }
}
