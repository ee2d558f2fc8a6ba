import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, whyMissing } from '@pdvend/engines'
import { bytesOf, openBlobs } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`bodies that are read late, never, or damaged${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  beforeAll(async () => (store = await startMiniStack()), 120_000)
  afterEach(() => store.proxy.inject())
  afterAll(() => store?.stop(), 60_000)

  test('200 readers that nobody reads stop no other call, and each still gives its bytes', async () => {
    await using blobs = await openBlobs(store, { PDVEND_BLOB_MAX_SOCKETS: '8' })
    const [small, large] = [bytesOf(3_000, 1), bytesOf(700_000, 2)]
    await blobs.put('unread/small', small)
    await blobs.put('unread/large', large)
    const readers = []
    for (let index = 0; index < 200; index++) readers.push(await blobs.get(index % 4 === 0 ? 'unread/large' : 'unread/small'))
    await blobs.put('unread/other', 'still here', { timeoutMs: 5_000 })
    for (const [index, reader] of readers.entries()) {
      const bytes = await reader.bytes()
      expect(Buffer.compare(bytes, index % 4 === 0 ? large : small)).toBe(0)
    }
  }, 60_000)

  test('a reader that was left alone goes on with the version that it began', async () => {
    await using blobs = await openBlobs(store, { PDVEND_BLOB_MAX_SOCKETS: '2' })
    await blobs.put('replaced', bytesOf(700_000, 1))
    const first = await blobs.get('replaced')
    const second = await blobs.get('replaced')
    await blobs.put('replaced', bytesOf(700_000, 2))
    await expect(first.bytes()).rejects.toMatchObject({ code: 'UNAVAILABLE', detail: expect.stringContaining('replaced meanwhile') })
    expect(Buffer.compare(await second.bytes(), bytesOf(700_000, 1))).toBe(0)
  })

  test('one flipped bit is found: before a small body is given out, at the end of a large one', async () => {
    await using blobs = await openBlobs(store)
    const large = bytesOf(900_000, 3)
    await blobs.put('flipped/small', bytesOf(1_000, 1))
    await blobs.put('flipped/large', large)
    store.proxy.inject({ kind: 'flippedBit', strength: 'heavy' })
    await expect(blobs.get('flipped/small')).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
    const given: Uint8Array[] = []
    const reading = async (): Promise<void> => {
      for await (const chunk of await blobs.get('flipped/large')) given.push(chunk)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
    expect(Buffer.concat(given).byteLength).toBeLessThan(large.byteLength)
  })

  test('a digest that the caller gave is kept by the store, and checked when the blob is read', async () => {
    await using blobs = await openBlobs(store)
    const sha256 = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
    await blobs.put('digest', 'x', { sha256 })
    expect((await blobs.head('digest')).sha256).toBe(sha256)
    store.proxy.inject({ kind: 'flippedBit', strength: 'heavy' })
    await blobs.put('digest2', 'xy')
    await expect(blobs.get('digest2')).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
  })
})
