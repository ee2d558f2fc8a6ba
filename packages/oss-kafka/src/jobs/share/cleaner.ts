import { type ClusterOptions, ShareAdmin } from '@pdvend/kafka-share-consumer'
import type { Clock, ClockTimer } from '@pdvend/ports'
import type { KafkaClient } from '../../client.js'
import { shareTopicOf } from './topics.js'

export interface CleanerDeps {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly options: ClusterOptions
  readonly prefix: string
  /** The queues that this process works on. */
  readonly names: () => readonly string[]
  /** Least records that are worth a deletion; default 1,000. */
  readonly leastRecords?: number
  /** Between looks, at least; up to twice as long, so that workers do not all look at once. Default 30 s. */
  readonly everyMs?: number
}

/** Deletes what is done: nothing else does, for a topic's retention knows nothing of who has run. */
export class ShareCleaner {
  #timer: ClockTimer | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(private readonly deps: CleanerDeps) {
    this.#arm()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#looking
  }

  #arm(): void {
    if (this.#closed) return
    const { clock, everyMs = 30_000 } = this.deps
    this.#timer = clock.timer(everyMs * (1 + Math.random()), () => {
      // The next look tries again.
      this.#looking = this.#look()
        .catch(() => undefined)
        .finally(() => this.#arm())
    })
  }

  async #look(): Promise<void> {
    const { client, options, prefix, names, leastRecords = 1_000 } = this.deps
    const topics = names().map((name) => shareTopicOf(name, { prefix }))
    if (topics.length === 0) return
    await using admin = new ShareAdmin(options)
    for (const topic of topics) {
      const [place] = await admin.describe(topic, [topic])
      const [earliest] = await client.admin.offsets(topic, 'earliest')
      // All before the start is done, at every broker; it is never ahead of the truth.
      const start = Number(place?.startOffset ?? -1n)
      if (earliest === undefined || start < earliest.offset + leastRecords) continue
      await client.admin.deleteRecords(topic, [{ partition: earliest.partition, offset: start }])
    }
  }
}
