import assert from 'node:assert/strict'
import { describe, test } from '@jest/globals'
import { createRecordsBatch, Reader, Writer } from '@platformatic/kafka'
import fc from 'fast-check'
import { readAcquired } from '../src/acquired-records.js'
import type { AcquiredRange, FetchedPartition } from '../src/protocol/share-fetch.js'

interface Batch {
  readonly size: number
  /** Offsets after it that hold no record. */
  readonly gap: number
  readonly control: boolean
  readonly compression: 'none' | 'gzip'
}

const batches = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 8 }),
    gap: fc.nat({ max: 2 }),
    control: fc.boolean(),
    compression: fc.constantFrom('none' as const, 'gzip' as const),
  }),
  { minLength: 1, maxLength: 6 },
)

describe('what a broker sends, cut to what is acquired', () => {
  test('each acquired offset is a record or a gap, once, with the count of its range', () => {
    fc.assert(
      fc.property(batches, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (parts, wanted) => {
        const { log, records } = layOut(parts)
        const end = records.at(-1)?.end ?? 0
        const ranges = rangesOf(wanted.slice(0, end))
        const read = readAcquired(fetched(log, ranges))
        const present = new Map(
          records.filter(({ control }) => !control).flatMap(({ offsets }) => offsets.map((offset) => [offset, `v${offset}`] as const)),
        )
        const acquired = ranges.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
          Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_, at) => ({ offset: Number(firstOffset) + at, deliveryCount })),
        )
        assert.deepEqual(
          read.records.map(({ offset, deliveryCount, timestampMs, record }) => [
            offset,
            deliveryCount,
            timestampMs,
            record.value?.toString(),
          ]),
          acquired
            .filter(({ offset }) => present.has(offset))
            .map(({ offset, deliveryCount }) => [offset, deliveryCount, 1_000 + offset, present.get(offset)]),
        )
        assert.deepEqual(
          read.gaps,
          acquired.filter(({ offset }) => !present.has(offset)).map(({ offset }) => offset),
        )
        assert.deepEqual(read.unread, [])
      }),
    )
  })

  test('what cannot be decompressed is neither a record nor a gap', () => {
    const { log } = layOut([{ size: 3, gap: 0, control: false, compression: 'gzip' }])
    const damaged = Buffer.from(log)
    damaged.fill(0xff, 70)
    const read = readAcquired(fetched(damaged, [{ firstOffset: 0n, lastOffset: 2n, deliveryCount: 1 }]))
    assert.notEqual(read.failure, undefined)
    assert.deepEqual([read.records, read.gaps, read.unread], [[], [], [0, 1, 2]])
  })
})

function fetched(log: Buffer, acquired: readonly AcquiredRange[]): FetchedPartition {
  const none = { errorCode: 0, errorMessage: null, acknowledgeErrorCode: 0, acknowledgeErrorMessage: null }
  return { topicId: '', partition: 0, ...none, currentLeader: { leaderId: 0, leaderEpoch: 0 }, records: Reader.from(log), acquired }
}

/** A log of these batches, as it lies on a broker's disk. */
function layOut(parts: readonly Batch[]) {
  let next = 0
  const log: Buffer[] = []
  const records = parts.map(({ size, gap, control, compression }) => {
    const offsets = Array.from({ length: size }, (_, at) => next + at)
    const messages = offsets.map((offset) => ({ topic: 't', value: Buffer.from(`v${offset}`), timestamp: BigInt(1_000 + offset) }))
    const bytes = Writer.create().appendFrom(createRecordsBatch(messages, { compression })).buffer
    bytes.writeBigInt64BE(BigInt(next), 0)
    // Attributes lie behind offset, length, epoch, magic and checksum.
    if (control) bytes.writeInt16BE(bytes.readInt16BE(21) | 0x20, 21)
    log.push(bytes)
    next += size + gap
    return { offsets, control, end: next }
  })
  return { log: Buffer.concat(log), records }
}

function rangesOf(wanted: readonly boolean[]): AcquiredRange[] {
  const ranges: AcquiredRange[] = []
  let first: number | undefined
  wanted.concat(false).forEach((is, offset) => {
    if (is) first ??= offset
    else if (first !== undefined) {
      ranges.push({ firstOffset: BigInt(first), lastOffset: BigInt(offset - 1), deliveryCount: 1 + (first % 5) })
      first = undefined
    }
  })
  return ranges
}
