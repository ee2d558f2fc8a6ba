import { setTimeout as sleep } from 'node:timers/promises'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, whyMissing } from '@pdvend/engines'
import { bytesOf, openBlobs, openDriver } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

const PART = 5 * 1_048_576
const env = { PDVEND_BLOB_PART_BYTES: String(PART), PDVEND_BLOB_PARTS_AT_ONCE: '2' }

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`uploads in parts${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  let seen: { method: string; target: string; headers: Record<string, unknown> }[] = []
  beforeAll(async () => (store = await startMiniStack({ onRequest: (request) => void seen.push(request) })), 120_000)
  afterEach(() => {
    store.proxy.inject()
    seen = []
  })
  afterAll(() => store?.stop(), 60_000)

  async function* chunks(bytes: Uint8Array, onPull?: (at: number) => void): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength; at += 262_144) {
      onPull?.(at)
      yield bytes.subarray(at, at + 262_144)
    }
  }

  test('bytes in memory and streams, at the borders of a part, come back as they were', async () => {
    await using blobs = await openBlobs(store, env)
    for (const length of [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7]) {
      const bytes = bytesOf(length, length)
      await blobs.put('border', chunks(bytes), { metadata: { how: 'streamed' } })
      expect(Buffer.compare(await (await blobs.get('border')).bytes(), bytes)).toBe(0)
      await blobs.put('border', bytes)
      const reader = await blobs.get('border')
      expect(reader.info).toMatchObject({ sizeBytes: length, metadata: {} })
      expect(Buffer.compare(await reader.bytes(), bytes)).toBe(0)
    }
    expect(await store.leftovers()).toEqual([])
  }, 60_000)

  test('a source that fails, falls short, runs over or is given up after some parts leaves the old blob and no part', async () => {
    await using blobs = await openBlobs(store, env)
    await blobs.put('guarded', 'old')
    const bytes = bytesOf(3 * PART, 1)
    const uncaught: unknown[] = []
    const note = (error: unknown): void => void uncaught.push(error)
    process.on('uncaughtException', note).on('unhandledRejection', note)
    try {
      const failing = chunks(bytes, (at) => {
        if (at > 2 * PART) throw new Error('the disk of the source broke')
      })
      await expect(blobs.put('guarded', failing)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-applied' })
      for (const sizeBytes of [3 * PART - 1, 3 * PART + 1])
        await expect(blobs.put('guarded', chunks(bytes), { sizeBytes })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      const abort = new AbortController()
      const abandoned = chunks(bytes, (at) => {
        if (at > 2 * PART) abort.abort()
      })
      await expect(blobs.put('guarded', abandoned, { signal: abort.signal })).rejects.toMatchObject({ code: 'CANCELED' })
      await until(async () => (await store.leftovers()).length === 0)
      expect(await (await blobs.get('guarded')).text()).toBe('old')
      expect(uncaught).toEqual([])
    } finally {
      process.off('uncaughtException', note).off('unhandledRejection', note)
    }
  }, 60_000)

  test('a condition is checked when the last part is there', async () => {
    await using blobs = await openBlobs(store, env)
    const bytes = bytesOf(2 * PART, 1)
    let raced = false
    const late = async function* (): AsyncGenerator<Uint8Array> {
      yield* chunks(bytes)
      if (!raced) await blobs.put('late', 'faster')
      raced = true
    }
    await expect(blobs.put('late', late(), { if: { create: true } })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    const { etag } = await blobs.head('late')
    await blobs.put('late', chunks(bytes), { if: { replace: etag } })
    await expect(blobs.put('late', chunks(bytes), { if: { replace: etag } })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await expect(blobs.put('gone', chunks(bytes), { if: { replace: etag } })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await until(async () => (await store.leftovers()).length === 0)
  }, 60_000)

  test('a copy that the engine cannot make under a condition is made of parts, and keeps the attributes', async () => {
    await using blobs = await openBlobs(store, env)
    await blobs.put('from', 'body', { contentType: 'text/csv', metadata: { owner: 'ação' }, cacheControl: 'no-store' })
    await blobs.copy('from', 'to', { if: { create: true } })
    expect(await blobs.head('to')).toMatchObject({ contentType: 'text/csv', metadata: { owner: 'ação' }, cacheControl: 'no-store' })
    await blobs.put('empty', '')
    await blobs.copy('empty', 'empty-too', { if: { create: true } })
    await expect(blobs.copy('empty', 'empty-too', { if: { create: true } })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await store.leftovers()).toEqual([])
  })

  test('what killed writers left is swept on request, and what is young is left alone', async () => {
    await store.client.send(new CreateMultipartUploadCommand({ Bucket: store.bucket, Key: 'orphan' }))
    await (await openDriver(store, { PDVEND_BLOB_SWEEP_AFTER_MS: '3600000' })).close()
    expect(await store.leftovers()).toEqual(['an upload to orphan'])
    await sleep(1_100)
    await (await openDriver(store, { PDVEND_BLOB_SWEEP_AFTER_MS: '0' })).close()
    expect(await store.leftovers()).toEqual([])
  })

  test('PDVEND_BLOB_CHECKSUMS=md5 sends Content-MD5, and no header that older stores do not know', async () => {
    await using blobs = await openBlobs(store, { ...env, PDVEND_BLOB_CHECKSUMS: 'md5' })
    seen = []
    await blobs.put('old-style', 'x', { sha256: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' })
    await blobs.put('old-style', chunks(bytesOf(PART + 10, 1)))
    for await (const { error } of blobs.deleteMany(['old-style'])) expect(error).toBeUndefined()
    const names = seen.flatMap(({ headers }) => Object.keys(headers))
    expect(names.filter((name) => /checksum/.test(name) && name !== 'x-amz-checksum-mode')).toEqual([])
    expect(seen.filter(({ headers }) => headers['content-md5'] !== undefined).length).toBeGreaterThanOrEqual(4)
  })

  test('memory holds no more than the parts under way, and a slow store slows the source', async () => {
    await using blobs = await openBlobs(store, env)
    let pulled = 0
    let put = 0
    let most = 0
    const total = 12 * PART
    const source = async function* (): AsyncGenerator<Uint8Array> {
      const chunk = new Uint8Array(262_144)
      for (; pulled < total; pulled += chunk.byteLength) {
        put = seen.filter(({ method, target }) => method === 'PUT' && target.includes('partNumber')).length
        most = Math.max(most, pulled - put * PART)
        yield chunk
      }
    }
    await blobs.put('bounded', source(), { timeoutMs: 60_000 })
    // Two parts that are being filled or wait for their turn, and the chunk that is looked ahead.
    expect(most).toBeLessThanOrEqual(2 * PART + 262_144)
  }, 90_000)
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await holds());) {
    if (Date.now() > deadline) throw new Error('it did not come true within 10 s')
    await sleep(20)
  }
}
