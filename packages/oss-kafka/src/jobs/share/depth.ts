import { type ClusterOptions, ShareAdmin, ShareError, type SharePartitionProgress } from '@pdvend/kafka-share-consumer'
import { type Clock, type DriverCall, type JobStats, sleep } from '@pdvend/ports'
import type { KafkaClient } from '../../client.js'
import { readRecord } from '../classic/records.js'
import { until } from '../classic/signals.js'
import type { HeldCounts } from './held.js'
import { shareTopicOf } from './topics.js'

export interface DepthDeps {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly options: ClusterOptions
  readonly prefix: string
}

export type Depths = Pick<JobStats, 'ready' | 'inFlight' | 'oldestAgeMs'>

const READ_MS = 30_000
const DESCRIBE_TRIES = 30
const DESCRIBE_AGAIN_MS = 100

/** How much of a queue is not done: by the share group's coordinator, and what of it is in hand by the workers' own counts. */
export class Depth {
  readonly #admin: ShareAdmin

  constructor(private readonly deps: DepthDeps) {
    this.#admin = new ShareAdmin(deps.options)
  }

  close(): Promise<void> {
    return this.#admin.close()
  }

  /** @throws what the client throws, or the signal's reason */
  async of(name: string, counts: HeldCounts, call: DriverCall): Promise<Depths> {
    const topic = shareTopicOf(name, this.deps)
    const { admin } = this.deps.client
    const [[place], [earliest], [latest], held] = await until(
      Promise.all([this.#placeOf(topic), admin.offsets(topic, 'earliest'), admin.offsets(topic, 'latest'), counts.count(name, call)]),
      call.signal,
    )
    const start = Math.max(Number(place?.startOffset ?? -1n), earliest!.offset)
    const undone = place === undefined || place.lag < 0n ? latest!.offset - start : Number(place.lag)
    const inFlight = Math.min(undone, held)
    const ready = undone - inFlight
    return { ready, inFlight, oldestAgeMs: ready === 0 ? 0 : await this.#ageAt(topic, start) }
  }

  /** A group whose first member is just joining cannot be described for a moment (4.4.0). */
  async #placeOf(topic: string): Promise<readonly SharePartitionProgress[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#admin.describe(topic, [topic])
      } catch (error) {
        if (tries === DESCRIBE_TRIES || !(error instanceof ShareError) || error.code !== 'UNAVAILABLE') throw error
        await sleep(this.deps.clock, DESCRIBE_AGAIN_MS)
      }
    }
  }

  /** Of the first job that is not done: in hand or not, the group does not tell. */
  async #ageAt(topic: string, offset: number): Promise<number> {
    const reader = await this.deps.client.reader([{ topic, partition: 0, offset }], { maxWaitMs: 100, maxBytes: 1 })
    try {
      const { records } = await reader.read(AbortSignal.timeout(READ_MS))
      const [first] = records
      const read = first === undefined ? undefined : readRecord(first)
      return read?.kind === 'job' ? Math.max(0, this.deps.clock.now() - read.job.enqueuedAt) : 0
    } finally {
      await reader.close()
    }
  }
}
