import { readRecordsBatches, type KafkaRecord } from '@platformatic/kafka'
import type { FetchedPartition } from './protocol/share-fetch.js'

export interface AcquiredRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly deliveryCount: number
  readonly record: KafkaRecord
}

export interface Acquired {
  readonly records: readonly AcquiredRecord[]
  /** Offsets within the acquired ranges at which there is no record: removed by compaction, or markers of transactions. */
  readonly gaps: readonly number[]
  /** Why the records could not be read; then all acquired offsets are among the gaps' neighbours in `unread`. */
  readonly failure?: unknown
  readonly unread: readonly number[]
}

const IS_CONTROL = 0x20
const IS_APPEND_TIME = 0x08

/** A broker sends whole batches and says which offsets of them are acquired: only those are the member's. */
export function readAcquired({ records, acquired }: FetchedPartition): Acquired {
  const ranges = acquired.map(({ firstOffset, lastOffset, deliveryCount }) => ({
    first: Number(firstOffset),
    last: Number(lastOffset),
    deliveryCount,
  }))
  const read: AcquiredRecord[] = []
  try {
    let at = 0
    for (const batch of records === undefined ? [] : readRecordsBatches(records)) {
      if ((batch.attributes & IS_CONTROL) !== 0) continue
      const base = Number(batch.firstOffset)
      for (const record of batch.records) {
        const offset = base + record.offsetDelta
        while (at < ranges.length && ranges[at]!.last < offset) at++
        const range = ranges[at]
        if (range === undefined) break
        if (offset < range.first) continue
        const timestamp = (batch.attributes & IS_APPEND_TIME) === 0 ? batch.firstTimestamp + record.timestampDelta : batch.maxTimestamp
        read.push({ offset, timestampMs: Number(timestamp), deliveryCount: range.deliveryCount, record })
      }
    }
  } catch (failure) {
    return { records: [], gaps: [], failure, unread: ranges.flatMap(offsetsOf) }
  }
  return { records: read, gaps: missing(ranges, read), unread: [] }
}

function missing(ranges: readonly { readonly first: number; readonly last: number }[], read: readonly AcquiredRecord[]): number[] {
  const acquired = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  if (acquired === read.length) return []
  const present = new Set(read.map(({ offset }) => offset))
  return ranges.flatMap(offsetsOf).filter((offset) => !present.has(offset))
}

function offsetsOf({ first, last }: { readonly first: number; readonly last: number }): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
