import assert from 'node:assert/strict'
import type { BlobRange } from '@pdvend/ports'
import { type BlobCase, ownStore, pattern, refused, sameBytes } from './kit.js'

/** Small (kept in an index by some engines), and of several blocks and parts. */
const SIZES = [1_000, 900_000]

export const ranges: readonly BlobCase[] = [
  {
    id: 'B72',
    title: 'from an offset to the end, from the middle, and of length 0',
    run: (subject) =>
      eachRange(subject, (size) => [
        [{ offset: 0 }, 0, size],
        [{ offset: size - 1 }, size - 1, 1],
        [{ offset: Math.floor(size / 3), length: Math.floor(size / 2) }, Math.floor(size / 3), Math.floor(size / 2)],
        [{ offset: 262_144 % size, length: 1 }, 262_144 % size, 1],
        [{ offset: 262_143 % size, length: 2 }, 262_143 % size, 2],
        [{ offset: 5, length: 0 }, 5, 0],
        [{ offset: size, length: 0 }, size, 0],
      ]),
  },
  {
    id: 'B73',
    title: 'the last bytes, also when more are asked for than there are',
    run: (subject) =>
      eachRange(subject, (size) => [
        [{ suffix: 1 }, size - 1, 1],
        [{ suffix: 300 }, size - 300, 300],
        [{ suffix: size }, 0, size],
        [{ suffix: size + 1 }, 0, size],
        [{ suffix: 2 ** 40 }, 0, size],
      ]),
  },
  {
    id: 'B74',
    title: 'a range that starts past the end is RANGE_NOT_SATISFIABLE',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const size of [0, ...SIZES]) {
        await blobs.put('k', pattern(size))
        await refused(blobs.get('k', { range: { offset: size } }), 'RANGE_NOT_SATISFIABLE')
        await refused(blobs.get('k', { range: { offset: size, length: 1 } }), 'RANGE_NOT_SATISFIABLE')
        await refused(blobs.get('k', { range: { offset: size + 1, length: 0 } }), 'RANGE_NOT_SATISFIABLE')
      }
      await refused(blobs.get('missing', { range: { offset: 9 } }), 'NOT_FOUND')
      for (const range of [
        { offset: -1 },
        { offset: 0.5 },
        { offset: 0, length: -1 },
        { suffix: -1 },
        { length: 5 },
        {},
        { offset: 0, suffix: 1 },
      ])
        await refused(blobs.get('k', { range: range as BlobRange }), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B75',
    title: 'an end past the blob is clipped, and the full size still reported',
    run: (subject) =>
      eachRange(subject, (size) => [
        [{ offset: size - 10, length: 1_000_000 }, size - 10, 10],
        [{ offset: 0, length: size + 1 }, 0, size],
      ]),
  },
  {
    id: 'B77',
    title: 'a ranged read pinned to one version is refused when the blob was replaced',
    async run(subject) {
      const blobs = await ownStore(subject)
      const old = pattern(900_000)
      const { etag } = await blobs.put('k', old)
      const first = await blobs.get('k', { range: { offset: 0, length: 400_000 }, ifMatch: etag })
      await blobs.put('k', pattern(900_000, 2))
      sameBytes(await first.bytes(), old.subarray(0, 400_000), 'the reader that is open keeps its version')
      await refused(blobs.get('k', { range: { offset: 400_000 }, ifMatch: etag }), 'PRECONDITION_FAILED')
    },
  },
]

type Expectation = readonly [range: BlobRange, offset: number, length: number]

async function eachRange(subject: Parameters<BlobCase['run']>[0], expectations: (size: number) => readonly Expectation[]): Promise<void> {
  const blobs = await ownStore(subject)
  for (const size of SIZES) {
    const body = pattern(size)
    await blobs.put('k', body)
    for (const [range, offset, length] of expectations(size)) {
      const what = `${JSON.stringify(range)} of ${size} bytes`
      await using reader = await blobs.get('k', { range })
      assert.equal(reader.info.sizeBytes, size, what)
      assert.deepEqual({ ...reader.range }, { offset, length }, what)
      sameBytes(await reader.bytes(), body.subarray(offset, offset + length), what)
    }
  }
}
