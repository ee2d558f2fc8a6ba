import { FILE_HEADER, type FoundRecord, nextRecord } from './record.js'

/** What a file of records holds. */
export interface Scan {
  readonly records: readonly FoundRecord[]
  /** Damaged records, each with where its damage begins. A record cut off at the end counts as one. */
  readonly lost: readonly { readonly offset: number; readonly count: number }[]
  /** One more than the highest ordinal. */
  readonly ordinals: number
}

/** Reads every record that is whole. [T22, T23] */
export function scanFile(bytes: Buffer): Scan {
  const records: FoundRecord[] = []
  const lost: { offset: number; count: number }[] = []
  let offset = FILE_HEADER
  let expected = 0
  for (;;) {
    const found = nextRecord(bytes, offset, bytes.length)
    if (found === undefined) break
    if (found.offset > offset) lost.push({ offset, count: Math.max(1, found.ordinal - expected) })
    records.push(found)
    offset = found.end
    expected = found.ordinal + 1
  }
  if (offset < bytes.length && bytes.subarray(offset).some((byte) => byte !== 0)) {
    lost.push({ offset, count: 1 })
    expected += 1
  }
  return { records, lost, ordinals: expected }
}
