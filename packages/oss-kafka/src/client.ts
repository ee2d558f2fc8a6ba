import type { Connection } from './connection.js'

/**
 * The seam between this package and a Kafka client library: what the adapters need of one, and nothing of any vendor's types.
 * Offsets are numbers: they stay exact up to 2^53.
 *
 * There is no consumer group and no transaction in it on purpose: see docs/decisions/0012. What a call throws is the client's
 * own error; the driver's table (`errors.ts`) gives it a code.
 */
export interface KafkaClient {
  /** Which library it is, for `doctor`. */
  readonly library: string
  /** An idempotent producer (`acks=all`), connected. */
  producer(options?: ProducerOptions): Promise<KafkaProducer>
  /** Reads partitions from given offsets on, in a group of nobody's, over connections of its own. */
  reader(from: readonly PartitionOffset[], options?: ReaderOptions): Promise<KafkaReader>
  /** Connected at its first call. */
  readonly admin: KafkaAdmin
  /** Closes what is still open; idempotent. */
  close(): Promise<void>
}

export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  /** The first record wanted. */
  readonly offset: number
}

export interface KafkaHeaders {
  readonly [name: string]: Uint8Array | string
}

/** A record to be written. */
export interface OutgoingRecord {
  readonly topic: string
  readonly partition: number
  readonly key?: Uint8Array | string
  /** `null` is a tombstone. */
  readonly value: Uint8Array | null
  readonly headers?: KafkaHeaders
  /** Milliseconds since the epoch; default: the time of the call. */
  readonly timestamp?: number
}

/** What became of one record: where it stands, or why it does not. */
export type SendOutcome = { readonly offset: number } | { readonly error: unknown }

export interface ProducerOptions {
  /** Default `none`. */
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
}

export interface KafkaProducer {
  /**
   * Writes records: one batch a partition, whole or not at all, in the given order; partitions side by side. One outcome a
   * record, in order; it rejects only when it is closed. Calls may run concurrently; for one partition they keep their order.
   *
   * The batch of one partition must fit its topic's `max.message.bytes`; the caller splits. An error may mean that the batch
   * is in (its answer got lost): the producer gives up after about `requestTimeoutMs` and one more try, and goes on under a
   * new producer id, so that what follows is written all the same.
   */
  send(records: readonly OutgoingRecord[]): Promise<readonly SendOutcome[]>
  close(): Promise<void>
}

/** A record that was read. */
export interface IncomingRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** The last value where a name stands twice. */
  readonly headers: Readonly<Record<string, Uint8Array>>
}

export interface ReaderOptions {
  /** How long the broker holds an answer when there is nothing new, in milliseconds. Default 1,000. */
  readonly maxWaitMs?: number
  /** Most bytes of one answer; one record above it still comes. Default 8 MiB. */
  readonly maxBytes?: number
}

/** What one look brought. */
export interface ReadBatch {
  /** By partition in order of offset; without markers of transactions, whose records come whatever became of them. */
  readonly records: readonly IncomingRecord[]
  /** For each partition that was asked for: where the next look begins, and the end of what can be read. */
  readonly positions: readonly { readonly topic: string; readonly partition: number; readonly next: number; readonly end: number }[]
}

export interface KafkaReader {
  /**
   * The next records, at most `maxWaitMs` later; empty when there were none. One call at a time. It follows leaders that move
   * and brokers that come back by itself only within a call: an error is told, and the next call tries again from the same
   * position. An offset that was deleted meanwhile is passed over: the position moves to the first that is there.
   */
  read(signal?: AbortSignal): Promise<ReadBatch>
  /** Ends a call that waits, at once; idempotent. */
  close(): Promise<void>
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replicas: number
  readonly config: Readonly<Record<string, string>>
}

export interface TopicInfo {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
}

export interface KafkaAdmin {
  /** The broker's requests by API key with their highest versions (ApiVersions): tells what it can do. */
  apiVersions(): Promise<ReadonlyMap<number, number>>
  /** The brokers that are up, as they advertise themselves. */
  brokers(): Promise<readonly { readonly id: number; readonly host: string; readonly port: number }[]>
  /** Names of all topics that this user may see, internal ones left out. */
  topicNames(): Promise<readonly string[]>
  /** What is known of each that exists; the others are left out. */
  topics(names: readonly string[]): Promise<readonly TopicInfo[]>
  /** Makes topics and waits for their leaders. One that exists is an error (TOPIC_ALREADY_EXISTS). */
  createTopics(specs: readonly TopicSpec[]): Promise<void>
  /** Grows a topic to `partitions` in all. Keys move: the caller knows that this does no harm. */
  addPartitions(topic: string, partitions: number): Promise<void>
  /** For tests and tools. */
  deleteTopics(names: readonly string[]): Promise<void>
  /** All settings of a topic with their effective values. */
  topicConfig(name: string): Promise<Readonly<Record<string, string>>>
  /** Changes some settings of a topic and leaves the others as they are. */
  setTopicConfig(name: string, config: Readonly<Record<string, string>>): Promise<void>
  /** `latest`: one behind the last record that all in-sync replicas have. */
  offsets(topic: string, at: 'earliest' | 'latest'): Promise<readonly { readonly partition: number; readonly offset: number }[]>
  /** Deletes what stands before the given offsets. */
  deleteRecords(topic: string, before: readonly { readonly partition: number; readonly offset: number }[]): Promise<void>
}

/** Opens the client that the settings name; its library is loaded only now. */
export async function openClient(connection: Connection): Promise<KafkaClient> {
  if (connection.client === 'platformatic') return (await import('./client/platformatic.js')).platformaticClient(connection)
  return (await import('./client/kafkajs.js')).kafkajsClient(connection)
}

/** Kafka's own partitioner (murmur2 of the key's bytes), so that all clients agree on a key's partition. */
export function partitionOf(key: Uint8Array | string, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions
}

function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995
  let hash = 0x9747b28c ^ data.length
  const whole = data.length & ~3
  for (let at = 0; at < whole; at += 4) {
    let word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
    word = Math.imul(word, m)
    word ^= word >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(word, m)
  }
  const rest = data.length & 3
  if (rest === 3) hash ^= data[whole + 2]! << 16
  if (rest >= 2) hash ^= data[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ data[whole]!, m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
