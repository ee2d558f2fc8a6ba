import type { BlobEntry, DriverList, DriverPage } from '@pdvend/ports'
import type { Row } from '../sqlite/database.js'

/** Gives the rows with `from <= key < to` in key order, at most `limit`. */
export type RangeReader = (from: Uint8Array, to: Uint8Array, limit: number) => readonly Row[]

/** Above every key: 0xFF is in no UTF-8 text. */
const END = Uint8Array.of(0xff)

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * One page of a listing. The cursor is the place where the next page begins, not a number of rows, so that inserts and
 * deletes in between neither repeat nor skip what was there all the time [B83]. A common prefix costs one seek, however
 * many keys it stands for.
 */
export function readPage(range: RangeReader, { prefix, delimiter, startAfter, cursor, pageSize }: DriverList): DriverPage {
  const prefixBytes = encoder.encode(prefix)
  const end = prefixBytes.byteLength === 0 ? END : after(prefixBytes)
  const entries: BlobEntry[] = []
  let from = prefixBytes
  if (cursor !== undefined) from = later(from, new Uint8Array(Buffer.from(cursor, 'base64url')))
  else if (startAfter !== undefined) from = later(from, next(encoder.encode(startAfter)))
  for (;;) {
    const wanted = pageSize - entries.length + 1
    const rows = range(from, end, wanted)
    let jumped = false
    for (const row of rows) {
      const bytes = row.key as Uint8Array
      if (entries.length === pageSize) return { entries, cursor: Buffer.from(bytes).toString('base64url') }
      const key = decoder.decode(bytes)
      const common = delimiter === undefined ? undefined : commonPrefix(key, prefix, delimiter)
      if (common === undefined) {
        entries.push({
          kind: 'blob',
          key,
          sizeBytes: row.size as number,
          etag: row.etag as string,
          modifiedAt: new Date(row.modified as number),
        })
        from = next(bytes)
        continue
      }
      entries.push({ kind: 'prefix', prefix: common })
      from = after(encoder.encode(common))
      jumped = true
      break
    }
    if (!jumped && rows.length < wanted) return { entries }
  }
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

/** The first key after `key` itself. */
function next(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(key.byteLength + 1)
  bytes.set(key)
  return bytes
}

/** The first place after all keys that begin with `prefix`; its last byte is below 0xFF, as in all UTF-8. */
function after(prefix: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(prefix)
  bytes[bytes.byteLength - 1]! += 1
  return bytes
}

function later(one: Uint8Array<ArrayBuffer>, other: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return Buffer.compare(one, other) >= 0 ? one : other
}
