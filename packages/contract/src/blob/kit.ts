import assert from 'node:assert/strict'
import { type BlobEntry, type BlobListing, type BlobStorage, PortError, type PortErrorCode } from '@pdvend/ports'
import type { ContractCase } from '../case.js'
import type { OpenOptions, Subject } from '../subject.js'

export type BlobSubject = Subject<'blob', BlobStorage>
export type BlobCase = ContractCase<'blob', BlobStorage>

/** A part of the store that belongs to this case alone. */
export async function ownStore(subject: BlobSubject, open?: OpenOptions): Promise<BlobStorage> {
  return (await subject.open(open)).scope(subject.run)
}

/** The whole key of a key in {@link ownStore}, as a driver or an engine sees it. */
export function wholeKey(subject: BlobSubject, key: string): string {
  return `${subject.run}/${key}`
}

/** Asserts that `work` is refused with `code`, and gives the error. */
export async function refused(work: Promise<unknown>, code: PortErrorCode): Promise<PortError> {
  const error: unknown = await work.then(
    (value) => new assert.AssertionError({ message: `expected ${code}, but the call succeeded with ${JSON.stringify(value)}` }),
    (thrown: unknown) => thrown,
  )
  if (!PortError.is(error, code)) throw new assert.AssertionError({ message: `expected ${code}, got ${String(error)}` })
  return error
}

/** The bytes of a blob. */
export async function read(blobs: BlobStorage, key: string): Promise<Uint8Array> {
  return (await blobs.get(key)).bytes()
}

export async function readText(blobs: BlobStorage, key: string): Promise<string> {
  return (await blobs.get(key)).text()
}

export function sameBytes(got: Uint8Array, wanted: Uint8Array, what = 'bytes'): void {
  assert.equal(got.byteLength, wanted.byteLength, `${what}: length`)
  assert.ok(Buffer.compare(got, wanted) === 0, `${what} differ`)
}

/** Prime, so that no block or part of an engine begins like another. */
const TILE = 4_099

/** `length` bytes that differ from place to place, and with `seed`. */
export function pattern(length: number, seed = 1): Uint8Array {
  const tile = Buffer.alloc(TILE)
  let state = seed >>> 0 || 1
  for (let at = 0; at < TILE; at++) {
    state = (state * 1_103 + 12_345) % 2_147_483_647
    tile[at] = state >>> 8
  }
  const bytes = Buffer.alloc(length, tile)
  // Each tile carries its number, so that swapped tiles are seen.
  for (let at = 0; at + 4 <= length; at += TILE) bytes.writeUInt32LE((bytes.readUInt32LE(at) ^ at) >>> 0, at)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length)
}

/** A one-shot source of `chunks`; `onPull` runs before each. */
export async function* chunked(
  chunks: Iterable<Uint8Array>,
  onPull?: (index: number) => void | Promise<void>,
): AsyncGenerator<Uint8Array, void> {
  let index = 0
  for (const chunk of chunks) {
    await onPull?.(index++)
    yield chunk
  }
}

/** `bytes` cut into chunks of `size`. */
export function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

export async function entriesOf(listing: BlobListing): Promise<BlobEntry[]> {
  const entries: BlobEntry[] = []
  for await (const entry of listing) entries.push(entry)
  return entries
}

/** Keys, and common prefixes in brackets. */
export async function namesOf(listing: BlobListing): Promise<string[]> {
  return (await entriesOf(listing)).map((entry) => (entry.kind === 'blob' ? entry.key : `[${entry.prefix}]`))
}

/** UTF-8 byte order, which is not JavaScript's order of UTF-16 units. */
export function byteOrder(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

/** Runs `work` on each item, at most `width` at once. */
export async function eachOf<T>(items: Iterable<T>, width: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (let step = rest.next(); step.done !== true; step = rest.next()) await work(step.value)
  }
  await Promise.all(Array.from({ length: width }, lane))
}
