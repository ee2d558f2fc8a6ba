import { crc32 } from 'node:zlib'

/**
 * A record on disk, little endian (README.md has the whole format):
 * marker u32 | payload length u32 | crc32 u32 of what follows | ordinal u32 | payload.
 * The marker lets a reader find the next record behind a damaged one; the ordinal tells how many were lost between.
 */
const RECORD_HEADER = 16
const MARKER = 0x7256_4450
const MARKER_BYTES = Buffer.from([0x50, 0x44, 0x56, 0x72])

/** Payload: kind u8 | at f64 | id length u16 | type length u16 | key length u16 (0 = none) | id | type | key | body. */
const EVENT_FIXED = 15
/** A dead record has diedAt f64 | whole u8 | reason length u16 | reason before the body. */
const DEAD_FIXED = 11
const KIND = { event: 1, dead: 2 } as const

/** A file starts with: "PDVSPOOL" | version u32 | crc32 u32 of both. */
export const FILE_HEADER = 16
export const FORMAT_VERSION = 1
const FILE_MAGIC = Buffer.from('PDVSPOOL', 'latin1')

/** What a record is about, apart from its body. */
export interface RecordFields {
  readonly id: string
  readonly type: string
  readonly at: number
  readonly key?: string
}

export interface DeadFields {
  readonly reason: string
  readonly diedAt: number
  readonly whole: boolean
}

/** A record as found: `offset` to `end` in the file. `body` is a view into what was read. */
export interface FoundRecord extends RecordFields {
  readonly offset: number
  readonly end: number
  readonly ordinal: number
  readonly body: Buffer
  readonly dead?: DeadFields
}

/** Most bytes that the record of an event can take; cheap, never too small. */
export function recordBound(fields: RecordFields, textLength: number): number {
  return RECORD_HEADER + EVENT_FIXED + 3 * (fields.id.length + fields.type.length + (fields.key?.length ?? 0) + textLength)
}

/** Exact bytes that the record of an event takes. */
export function recordBytes(fields: RecordFields, text: string): number {
  const key = fields.key === undefined ? 0 : Buffer.byteLength(fields.key)
  return RECORD_HEADER + EVENT_FIXED + Buffer.byteLength(fields.id) + Buffer.byteLength(fields.type) + key + Buffer.byteLength(text)
}

/** Writes an event's record at `offset` straight from its text; gives where it ends. */
export function writeEvent(into: Buffer, offset: number, ordinal: number, fields: RecordFields, text: string): number {
  const { id, type, key = '' } = fields
  const start = offset + RECORD_HEADER
  const together = id + type + key + text
  const bytes = into.write(together, start + EVENT_FIXED)
  if (bytes === together.length) {
    // Nothing but ASCII, nearly always: one write, and lengths in characters are lengths in bytes.
    into[start] = KIND.event
    writeNumbers(into, start, fields.at, id.length, type.length, key.length)
    return seal(into, offset, start + EVENT_FIXED + bytes, ordinal)
  }
  let at = writeFields(into, offset, KIND.event, fields)
  at += into.write(text, at)
  return seal(into, offset, at, ordinal)
}

/** A dead letter's record in a buffer of its own. */
export function deadRecord(fields: RecordFields, body: Uint8Array | string, { reason, diedAt, whole }: DeadFields): Buffer {
  const why = Buffer.from(reason.slice(0, 4_096))
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const into = Buffer.allocUnsafe(recordBound(fields, 0) + DEAD_FIXED + why.length + bytes.byteLength)
  let at = writeFields(into, 0, KIND.dead, fields)
  at = into.writeDoubleLE(diedAt, at)
  at = into.writeUInt8(whole ? 1 : 0, at)
  at = into.writeUInt16LE(why.length, at)
  at += why.copy(into, at)
  into.set(bytes, at)
  return into.subarray(0, seal(into, 0, at + bytes.byteLength, 0))
}

function writeFields(into: Buffer, offset: number, kind: number, { id, type, at, key }: RecordFields): number {
  const start = offset + RECORD_HEADER
  into[start] = kind
  const idAt = start + EVENT_FIXED
  const idBytes = into.write(id, idAt)
  const typeBytes = into.write(type, idAt + idBytes)
  const keyBytes = key === undefined ? 0 : into.write(key, idAt + idBytes + typeBytes)
  writeNumbers(into, start, at, idBytes, typeBytes, keyBytes)
  return idAt + idBytes + typeBytes + keyBytes
}

function writeNumbers(into: Buffer, start: number, at: number, idBytes: number, typeBytes: number, keyBytes: number): void {
  into.writeDoubleLE(at, start + 1)
  into.writeUInt16LE(idBytes, start + 9)
  into.writeUInt16LE(typeBytes, start + 11)
  into.writeUInt16LE(keyBytes, start + 13)
}

function seal(into: Buffer, offset: number, end: number, ordinal: number): number {
  into.writeUInt32LE(MARKER, offset)
  into.writeUInt32LE(end - offset - RECORD_HEADER, offset + 4)
  into.writeUInt32LE(ordinal, offset + 12)
  into.writeUInt32LE(crc32(into.subarray(offset + 12, end)), offset + 8)
  return end
}

/** The record that starts at `offset`, or undefined when there is none or it is damaged. `trusted` skips the checksum: the bytes never left memory. */
function recordAt(bytes: Buffer, offset: number, limit: number, trusted = false): FoundRecord | undefined {
  if (offset + RECORD_HEADER + EVENT_FIXED > limit || bytes.readUInt32LE(offset) !== MARKER) return undefined
  const end = offset + RECORD_HEADER + bytes.readUInt32LE(offset + 4)
  if (end > limit || end < offset + RECORD_HEADER + EVENT_FIXED) return undefined
  if (!trusted && crc32(bytes.subarray(offset + 12, end)) !== bytes.readUInt32LE(offset + 8)) return undefined
  const start = offset + RECORD_HEADER
  const idAt = start + EVENT_FIXED
  const typeAt = idAt + bytes.readUInt16LE(start + 9)
  const keyAt = typeAt + bytes.readUInt16LE(start + 11)
  const rest = keyAt + bytes.readUInt16LE(start + 13)
  const fields = {
    offset,
    end,
    ordinal: bytes.readUInt32LE(offset + 12),
    at: bytes.readDoubleLE(start + 1),
    id: bytes.toString('utf8', idAt, typeAt),
    type: bytes.toString('utf8', typeAt, keyAt),
  }
  const found = rest > keyAt ? { ...fields, key: bytes.toString('utf8', keyAt, rest) } : fields
  if (bytes[start] !== KIND.dead) return { ...found, body: bytes.subarray(rest, end) }
  const reasonAt = rest + DEAD_FIXED
  const bodyAt = reasonAt + bytes.readUInt16LE(rest + 9)
  const dead = { diedAt: bytes.readDoubleLE(rest), whole: bytes[rest + 8] === 1, reason: bytes.toString('utf8', reasonAt, bodyAt) }
  return { ...found, dead, body: bytes.subarray(bodyAt, end) }
}

/** The first record at or behind `offset`: what is damaged before it is skipped. */
export function nextRecord(bytes: Buffer, offset: number, limit: number, trusted = false): FoundRecord | undefined {
  let at = offset
  for (;;) {
    const found = recordAt(bytes, at, limit, trusted)
    if (found !== undefined) return found
    at = bytes.indexOf(MARKER_BYTES, at + 1)
    if (at === -1 || at >= limit) return undefined
  }
}

export function fileHeader(version: number = FORMAT_VERSION): Buffer {
  const header = Buffer.alloc(FILE_HEADER)
  FILE_MAGIC.copy(header)
  header.writeUInt32LE(version, 8)
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12)
  return header
}

/** The version that a file says it has; undefined where its header is damaged or cut: then its records are tried all the same. */
export function versionOf(bytes: Buffer): number | undefined {
  if (bytes.length < FILE_HEADER || !bytes.subarray(0, 8).equals(FILE_MAGIC)) return undefined
  return crc32(bytes.subarray(0, 12)) === bytes.readUInt32LE(12) ? bytes.readUInt32LE(8) : undefined
}
