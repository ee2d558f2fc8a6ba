import type { DriverEvent } from '@pdvend/ports'
import type { OutgoingRecord } from '../client.js'

/** How batches may be compressed. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/**
 * CloudEvents' Kafka binding, structured mode: the value is the whole envelope. The attributes that a reader wants before it
 * parses stand beside it as in binary mode: `ce_id` tells an event that came twice, `ce_type` where it goes.
 */
const CONTENT_TYPE = Buffer.from('application/cloudevents+json')

/** The record of an event, as it goes to `partition` of `topic`. */
export function recordOf({ id, type, key, bytes }: DriverEvent, topic: string, partition: number): OutgoingRecord {
  return {
    topic,
    partition,
    ...(key === undefined ? {} : { key }),
    value: bytes,
    // No timestamp: the topic stamps records as they arrive. Brokers refuse times that are far ahead, and retention counts from it.
    headers: { 'content-type': CONTENT_TYPE, ce_id: id, ce_type: type },
  }
}

/** Bytes of a record batch before its records (format 2). */
const BATCH_BYTES = 61
/** Lengths, offsets and attributes of one record and its three headers at their longest, and the headers' names and fixed values. */
const RECORD_BYTES = 130
/** UTF-16 units take at most so many bytes in UTF-8. */
const BYTES_PER_UNIT = 3
/** Longest id, key and type that the port lets through, in UTF-16 units. */
const MAX_UNITS = 200 + 256 + 64

/** Most bytes that an event's record takes beside its envelope. */
export const MAX_RECORD_BYTES = RECORD_BYTES + MAX_UNITS * BYTES_PER_UNIT

/** Bytes of an event's record at most. */
export function recordBytes({ id, type, key = '', bytes }: DriverEvent): number {
  return bytes.byteLength + RECORD_BYTES + (id.length + type.length + key.length) * BYTES_PER_UNIT
}

/** How much larger than its input a compressed batch may be, as its format says: `bytes / divisor + extra`. */
const GROWTH: Readonly<Record<Compression, { readonly divisor: number; readonly extra: number }>> = {
  none: { divisor: Number.POSITIVE_INFINITY, extra: 0 },
  gzip: { divisor: 2_048, extra: 128 },
  snappy: { divisor: 6, extra: 64 },
  lz4: { divisor: 255, extra: 64 },
  zstd: { divisor: 256, extra: 128 },
}

/** Bytes of records that fit into one batch of a topic that takes batches of `maxMessageBytes`, however badly they compress. */
export function capacityOf(maxMessageBytes: number, compression: Compression): number {
  const { divisor, extra } = GROWTH[compression]
  return Math.floor((maxMessageBytes - BATCH_BYTES - extra) / (1 + 1 / divisor))
}

/** Events that go out in one call, by their place in the batch. */
export type Round = readonly { readonly index: number; readonly partition: number }[]

export interface Layout {
  readonly partitions: number
  /** Bytes of records for one partition in one round. */
  readonly capacityBytes: number
  /** Partition of a key. */
  readonly partitionOf: (key: string) => number
  /** Partition at which events without a key begin. */
  readonly firstFree: number
}

/**
 * Spreads a batch over rounds that each fit into one record batch a partition. Events of one key go to one partition in their
 * order. Those without a key fill one partition after the other, for a few large batches compress better than many small ones.
 */
export function layOut(batch: readonly DriverEvent[], { partitions, capacityBytes, partitionOf, firstFree }: Layout): readonly Round[] {
  const rounds: { index: number; partition: number }[][] = []
  const filled = new Map<number, { round: number; bytes: number }>()
  let free = firstFree % partitions
  const fits = (partition: number, bytes: number): boolean => (filled.get(partition)?.bytes ?? 0) + bytes <= capacityBytes
  for (const [index, event] of batch.entries()) {
    const bytes = recordBytes(event)
    if (event.key === undefined && !fits(free, bytes)) free = (free + 1) % partitions
    const partition = event.key === undefined ? free : partitionOf(event.key)
    const place = filled.get(partition) ?? { round: 0, bytes: 0 }
    if (place.bytes > 0 && !fits(partition, bytes)) {
      place.round += 1
      place.bytes = 0
    }
    place.bytes += bytes
    filled.set(partition, place)
    ;(rounds[place.round] ??= []).push({ index, partition })
  }
  return rounds
}
