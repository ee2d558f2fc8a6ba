import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type BlobCase, chunked, cut, ownStore, pattern, read, readText, refused, sameBytes, wholeKey } from './kit.js'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const integrity: readonly BlobCase[] = [
  {
    id: 'B97',
    title: 'bytes that do not fit the given digest are refused, the old blob stays',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'old')
      for (const size of [10, 700_000]) {
        const body = pattern(size)
        const wrong = sha256(pattern(size, 2))
        await refused(blobs.put('k', body, { sha256: wrong }), 'INTEGRITY_FAILED')
        await refused(blobs.put('k', chunked(cut(body, 65_536)), { sha256: wrong }), 'INTEGRITY_FAILED')
        assert.equal(await readText(blobs, 'k'), 'old')
        await blobs.put(`right-${size}`, chunked(cut(body, 65_536)), { sha256: sha256(body).toUpperCase() })
        sameBytes(await read(blobs, `right-${size}`), body)
      }
      for (const bad of ['', 'abc', 'g'.repeat(64), 7]) await refused(blobs.put('k', 'x', { sha256: bad as string }), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B98',
    title: 'a byte that flipped in the store is found when the blob is read',
    engine: ['damage'],
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const size of [1_000, 900_000]) {
        for (const at of [0, Math.floor(size / 2), size - 1]) {
          await blobs.put('k', pattern(size))
          await subject.engine.damage!(wholeKey(subject, 'k'), at)
          await refused(read(blobs, 'k'), 'INTEGRITY_FAILED')
        }
      }
    },
  },
  {
    id: 'B99',
    title: 'the same inside a range, and no flipped byte is ever handed out',
    engine: ['damage'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const body = pattern(900_000)
      await blobs.put('k', body)
      await subject.engine.damage!(wholeKey(subject, 'k'), 600_000)
      const range = async (offset: number, length: number) => (await blobs.get('k', { range: { offset, length } })).bytes()
      await refused(range(599_999, 3), 'INTEGRITY_FAILED')
      await refused(range(600_000, 1), 'INTEGRITY_FAILED')
      const got: Uint8Array[] = []
      const streaming = async (): Promise<void> => {
        for await (const chunk of await blobs.get('k')) got.push(chunk)
      }
      await refused(streaming(), 'INTEGRITY_FAILED')
      const before = Buffer.concat(got)
      assert.ok(before.byteLength <= 600_000, 'bytes from beyond the flipped one were handed out')
      sameBytes(before, body.subarray(0, before.byteLength), 'what came before')
    },
  },
  {
    id: 'B100',
    title: 'the digest of a body written in many parts is that of the whole',
    timeoutMs: 60_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const body = pattern(11 * 1_048_576)
      const info = await blobs.put('k', chunked(cut(body, 300_007)), { sha256: sha256(body) })
      if (info.sha256 !== undefined) assert.equal(info.sha256, sha256(body))
      assert.equal((await blobs.head('k')).sha256, info.sha256)
      sameBytes(await read(blobs, 'k'), body)
    },
  },
]
