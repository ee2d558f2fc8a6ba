import { BILLED_STEP_BYTES } from './limits.js'

/** One record: whole lines of JSON, one an event, and which events of the batch they are. */
export interface PackedRecord {
  readonly data: Uint8Array
  /** The first event and how many. */
  readonly from: number
  readonly count: number
}

const NEWLINE = 0x0a
const SPACE = 0x20

/**
 * Packs events into as few records as their order allows, each at most `recordBytes` long; an event that is longer than
 * that gets a record of its own. Every event ends with a newline: Firehose adds none, and what it writes to the bucket is
 * then one JSON object a line, as `COPY ... FORMAT JSON` wants it.
 */
export function pack(events: readonly { readonly bytes: Uint8Array }[], recordBytes: number): readonly PackedRecord[] {
  const records: PackedRecord[] = []
  for (let from = 0; from < events.length;) {
    let bytes = events[from]!.bytes.length + 1
    let end = from + 1
    while (end < events.length && bytes + events[end]!.bytes.length + 1 <= recordBytes) bytes += events[end++]!.bytes.length + 1
    const data = new Uint8Array(bytes)
    let at = 0
    for (const event of events.slice(from, end)) {
      data.set(oneLine(event.bytes), at)
      at += event.bytes.length
      data[at++] = NEWLINE
    }
    records.push({ data, from, count: end - from })
    from = end
  }
  return records
}

/** A raw newline inside JSON can only stand between tokens, where a space means the same; a line must be one event. */
function oneLine(bytes: Uint8Array): Uint8Array {
  return bytes.includes(NEWLINE) ? bytes.map((byte) => (byte === NEWLINE ? SPACE : byte)) : bytes
}

/** The events of a record as their bytes, without the newlines. */
export function unpack(data: Uint8Array): readonly Uint8Array[] {
  const events: Uint8Array[] = []
  for (let from = 0; from < data.length;) {
    const newline = data.indexOf(NEWLINE, from)
    const end = newline === -1 ? data.length : newline
    if (end > from) events.push(data.subarray(from, end))
    from = end + 1
  }
  return events
}

/** For how many bytes records of these sizes are billed. */
export function billedBytes(sizes: readonly number[]): number {
  return sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / BILLED_STEP_BYTES) * BILLED_STEP_BYTES, 0)
}
