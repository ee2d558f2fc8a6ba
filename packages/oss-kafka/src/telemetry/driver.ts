import * as zlib from 'node:zlib'
import {
  type AdapterDeps,
  type DriverCall,
  type DriverEvent,
  type EventOutcome,
  PortError,
  type TelemetryDriver,
  type TelemetryLimits,
} from '@pdvend/ports'
import { type KafkaClient, type KafkaProducer, openClient, partitionOf, type SendOutcome } from '../client.js'
import { connectionOf } from '../connection.js'
import { capacityOf, type Compression, layOut, MAX_RECORD_BYTES, recordOf, type Round } from './codec.js'
import type { Settings } from './config.js'
import { ADAPTER, fail } from './errors.js'
import { checkedTopic, type Topic } from './topic.js'

/** What the port holds for one batch at most; a topic that takes smaller record batches gets it in several. */
const MAX_BATCH_EVENTS = 5_000
const MAX_BATCH_BYTES = 4 * 1_048_576
/** Firehose's bound, the smallest of all adapters', so that what fits here fits everywhere. */
const MAX_EVENT_BYTES = 1_000 * 1_024

/**
 * *Semantics*: an event is accepted when all in-sync replicas have it (`acks=all`, idempotent producer). A partition's records
 * of one call are stored whole or not at all, in order; those of others stand on their own, so a batch may be accepted in
 * part. A key has one partition, by Kafka's own partitioner, as long as the topic has the partitions that it had at `open`;
 * behind an event that must be sent again, its partition accepts nothing of the batch. A try whose answer got lost may have
 * been stored: it is sent again, and stands twice under one `ce_id`.
 *
 * *Limits*: those above, and `max.message.bytes` of the topic, read at `open`. *Names*: none, one topic holds all events.
 * *Cost*: one request a batch and partition (kafkajs) or broker (platformatic). Nothing is kept here: while the brokers are
 * away each call fails within the time-outs of the settings, and events wait in the spool.
 */
export async function openTelemetry(settings: Settings, { signal }: AdapterDeps): Promise<TelemetryDriver> {
  const connection = await connectionOf(settings, 'TELEMETRY', ADAPTER)
  const cannot = whyNotCompressed(settings)
  if (cannot !== undefined) throw new PortError('CONFIG_INVALID', { adapter: ADAPTER, operation: 'open', detail: cannot })
  const client = await openClient(connection)
  try {
    const topic = await within(signal, checkedTopic(client.admin, settings))
    const producer = await within(signal, client.producer({ compression: settings.compression }))
    return new KafkaTelemetry(client, producer, settings, topic)
  } catch (cause) {
    void client.close().catch(() => undefined)
    throw fail('open', cause, settings.topic)
  }
}

class KafkaTelemetry implements TelemetryDriver {
  readonly capabilities = { orderedByKey: true, exactlyOnce: false, query: false }
  readonly limits: TelemetryLimits
  readonly facts: Readonly<Record<string, string>>
  /** Falls when the broker refuses what the topic's setting allowed, e.g. because that was lowered since. */
  #capacityBytes: number
  /** Events without a key begin at another partition each time. */
  #firstFree = 0
  #closed: Promise<void> | undefined

  constructor(
    private readonly client: KafkaClient,
    private readonly producer: KafkaProducer,
    private readonly settings: Settings,
    private readonly topic: Topic,
  ) {
    this.#capacityBytes = capacityOf(topic.maxMessageBytes, settings.compression as Compression)
    this.limits = {
      maxBatchEvents: MAX_BATCH_EVENTS,
      maxBatchBytes: MAX_BATCH_BYTES,
      maxEventBytes: Math.max(1, Math.min(MAX_EVENT_BYTES, this.#capacityBytes - MAX_RECORD_BYTES)),
    }
    this.facts = {
      client: client.library,
      broker: topic.broker,
      topic: `${settings.topic}, ${topic.partitions} partitions, ${topic.replicas} copies`,
      compression: settings.compression,
    }
  }

  async ping({ signal }: DriverCall): Promise<void> {
    try {
      const [found] = await within(signal, this.client.admin.topics([this.settings.topic]))
      if (found === undefined) throw gone(this.settings.topic)
    } catch (cause) {
      throw fail('ping', cause, this.settings.topic)
    }
  }

  async send(batch: readonly DriverEvent[], { signal }: DriverCall): Promise<readonly EventOutcome[]> {
    const { partitions } = this.topic
    const rounds = layOut(batch, {
      partitions,
      capacityBytes: this.#capacityBytes,
      partitionOf: (key) => partitionOf(key, partitions),
      firstFree: this.#firstFree++,
    })
    const outcomes: EventOutcome[] = []
    const failed = new Map<number, PortError>()
    for (const round of rounds) {
      // [T38] Behind an event that goes again, nothing of its partition may be accepted.
      for (const { index, partition } of round) {
        const error = failed.get(partition)
        if (error !== undefined) outcomes[index] = { status: 'retry', error }
      }
      await this.#sendRound(
        batch,
        round.filter(({ partition }) => !failed.has(partition)),
        { signal, outcomes, failed },
      )
    }
    const errors = [...failed.values()]
    // The port looks for what is at fault by halves.
    const fault = errors.find(({ code }) => code === 'INVALID_ARGUMENT')
    if (fault !== undefined) throw fault
    // Where nothing at all came through, it is told as one failure.
    if (errors.length > 0 && outcomes.every(({ status }) => status === 'retry')) throw errors[0]!
    return outcomes
  }

  async #sendRound(batch: readonly DriverEvent[], round: Round, told: Told): Promise<void> {
    if (round.length === 0) return
    const { topic } = this.settings
    const records = round.map(({ index, partition }) => recordOf(batch[index]!, topic, partition))
    let sent: readonly SendOutcome[]
    try {
      sent = await within(told.signal, this.producer.send(records))
    } catch (cause) {
      throw fail('send', cause, topic)
    }
    const sizes = new Map<number, number>()
    for (const { partition } of round) sizes.set(partition, (sizes.get(partition) ?? 0) + 1)
    const errors = new Map<unknown, PortError>()
    for (const [at, { index, partition }] of round.entries()) {
      const outcome = sent[at]!
      if (!('error' in outcome)) {
        told.outcomes[index] = { status: 'accepted' }
        continue
      }
      const error = errors.get(outcome.error) ?? fail('send', outcome.error, topic)
      errors.set(outcome.error, error)
      told.outcomes[index] = this.#failed(error, partition, sizes.get(partition)!, told.failed)
    }
  }

  /** A record that is refused alone is at fault; among others, smaller batches will tell which it is. */
  #failed(error: PortError, partition: number, together: number, failed: Map<number, PortError>): EventOutcome {
    if (together === 1 && isAtFault(error)) return { status: 'reject', error }
    if (error.code === 'TOO_LARGE' && !failed.has(partition)) this.#capacityBytes = Math.max(1, Math.floor(this.#capacityBytes / 2))
    failed.set(partition, error)
    return { status: 'retry', error }
  }

  close(): Promise<void> {
    this.#closed ??= this.client.close()
    return this.#closed
  }
}

function whyNotCompressed({ client, compression }: Settings): string | undefined {
  const setting = `PDVEND_TELEMETRY_COMPRESSION=${compression}`
  if (client === 'kafkajs' && compression !== 'none' && compression !== 'gzip')
    return `${setting} needs PDVEND_TELEMETRY_CLIENT=platformatic; kafkajs has none and gzip`
  // Node.js has it since 22.15.
  if (compression === 'zstd' && !('zstdCompressSync' in zlib)) return `${setting} needs Node.js 22.15 or later; this is ${process.version}`
  return undefined
}

function isAtFault({ code }: PortError): boolean {
  return code === 'TOO_LARGE' || code === 'INVALID_ARGUMENT'
}

/** What the rounds of one call have told so far. */
interface Told {
  readonly signal: AbortSignal
  readonly outcomes: EventOutcome[]
  /** Partitions that accept nothing more of this batch, and why. */
  readonly failed: Map<number, PortError>
}

function gone(topic: string): PortError {
  return new PortError('NOT_FOUND', { adapter: ADAPTER, target: topic, detail: 'the topic is gone: make it by `pdvend provision`' })
}

/** Gives up with the signal's reason; the client ends by its own time-outs what was begun. */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) throw signal.reason
  let stop!: () => void
  const aborted = new Promise<never>((_, reject) => (stop = () => reject(signal.reason as Error)))
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => undefined)
  }
}
