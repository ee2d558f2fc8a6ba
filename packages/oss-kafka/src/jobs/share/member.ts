import { type ClusterOptions, ShareConsumer, type ShareRecord } from '@pdvend/kafka-share-consumer'
import type { Clock, DriverJob } from '@pdvend/ports'
import { shareTopicOf } from './topics.js'

/** A job in hand: its lock is kept until the lease ends, however long that is. */
export interface HeldJob {
  readonly name: string
  readonly job: DriverJob
  readonly attempt: number
  readonly record: ShareRecord
  /** Milliseconds since the epoch. */
  expiresAt: number
}

/** Short jobs are asked for in advance: at most what was taken within this time, and at most so many. */
const AHEAD_MS = 250
const AHEAD_MOST = 100

/** How long a job that came when nobody waited for it any more may lie here. */
const STOCK_MS = 1_000

/** This process in one queue's share group: what it has asked for, and what came that nobody has taken yet. */
export class QueueMember {
  readonly #arrived = new Set<() => void>()
  #stock: { readonly record: ShareRecord; readonly sinceMs: number }[] = []
  #asking: Promise<void> | undefined
  #error: Error | undefined
  #taken: { readonly atMs: number; readonly count: number }[] = []
  #closed = false
  /** A question was asked, and answered, while this member had its partition. */
  warm = false

  private constructor(
    readonly name: string,
    private readonly consumer: ShareConsumer,
    private readonly clock: Clock,
  ) {}

  /** @throws ShareError */
  static async open(name: string, prefix: string, options: ClusterOptions, clock: Clock): Promise<QueueMember> {
    const topic = shareTopicOf(name, { prefix })
    return new QueueMember(name, await ShareConsumer.open({ ...options, groupId: topic, topics: [topic] }), clock)
  }

  /** Jobs that are locked and in nobody's hand. */
  get stock(): number {
    return this.#stock.length
  }

  /** What is there, at most `max`. */
  take(max: number): ShareRecord[] {
    const taken = this.#stock
      .splice(0, max)
      .map(({ record }) => record)
      .filter(({ state }) => state === 'held')
    if (taken.length > 0) this.#taken.push({ atMs: this.clock.now(), count: taken.length })
    return taken
  }

  /** Asks for up to `max`, or as many as were taken lately: once at a time. @throws what an earlier question failed with */
  ask(max: number, waitMs: number): void {
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined
      throw error
    }
    if (this.#asking !== undefined || this.#closed) return
    const assigned = this.consumer.state.assignment.length > 0
    this.#asking = this.consumer
      .poll({ maxRecords: Math.max(max, this.#pace()), waitMs })
      .then(
        (records) => {
          this.warm ||= assigned
          const sinceMs = this.clock.now()
          for (const record of records) this.#stock.push({ record, sinceMs })
        },
        (error: Error) => {
          this.#error = this.#closed ? undefined : error
        },
      )
      .then(() => {
        this.#asking = undefined
        for (const arrived of [...this.#arrived]) arrived()
      })
  }

  #pace(): number {
    const after = this.clock.now() - AHEAD_MS
    this.#taken = this.#taken.filter(({ atMs }) => atMs > after)
    return Math.min(
      AHEAD_MOST,
      this.#taken.reduce((sum, { count }) => sum + count, 0),
    )
  }

  /** Puts back what was taken and is not wanted after all. */
  putBack(record: ShareRecord): void {
    if (record.state === 'held') this.#stock.unshift({ record, sinceMs: this.clock.now() })
  }

  /** Calls `arrived` whenever a question was answered; the returned function ends that. */
  onAnswer(arrived: () => void): () => void {
    this.#arrived.add(arrived)
    return () => this.#arrived.delete(arrived)
  }

  /** What has lain here too long: others may be waiting for it. */
  takeStale(): ShareRecord[] {
    const before = this.clock.now() - STOCK_MS
    const stale = this.#stock.filter(({ sinceMs }) => sinceMs <= before)
    this.#stock = this.#stock.filter(({ sinceMs }) => sinceMs > before)
    return stale.map(({ record }) => record)
  }

  /** The locked records in nobody's hand, to be kept alive. */
  get waiting(): readonly ShareRecord[] {
    return this.#stock.map(({ record }) => record)
  }

  /** Waits for what is asked for, and gives it and the rest: the caller finds another place for it. */
  async drain(): Promise<ShareRecord[]> {
    this.#closed = true
    await this.#asking
    return this.take(Number.POSITIVE_INFINITY)
  }

  close(): Promise<void> {
    return this.consumer.close()
  }
}
