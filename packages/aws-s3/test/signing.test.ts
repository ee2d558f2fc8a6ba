import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, whyMissing } from '@pdvend/engines'
import { openBlobs } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`signed URLs and forms${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  beforeAll(async () => (store = await startMiniStack()), 120_000)
  afterEach(() => store.proxy.inject())
  afterAll(() => store?.stop(), 60_000)

  test('nothing of a checksum is in a signed PUT, and no header that was not signed gets through', async () => {
    await using blobs = await openBlobs(store)
    await blobs.put('secret', 'secret')
    const { url, headers } = await blobs.sign.put('upload')
    expect(url).not.toMatch(/checksum|amz-sdk/i)
    const stolen = await fetch(url, { method: 'PUT', headers: { ...headers, 'x-amz-copy-source': `/${store.bucket}/secret` }, body: '' })
    expect(stolen.status).toBe(403)
    expect(await blobs.exists('upload')).toBe(false)
    expect((await fetch(url, { method: 'PUT', headers, body: 'any body' })).status).toBe(200)
    expect(await (await blobs.get('upload')).text()).toBe('any body')
  })

  test('the public address is in URLs and forms', async () => {
    const at = { PDVEND_BLOB_PUBLIC_ENDPOINT: 'https://files.example.com' }
    await using inPath = await openBlobs(store, at)
    expect((await inPath.sign.get('a b')).url).toMatch(new RegExp(`^https://files\\.example\\.com/${store.bucket}/a%20b\\?`))
    expect((await inPath.sign.post('k', { maxBytes: 1 })).url).toBe(`https://files.example.com/${store.bucket}/`)
  })

  test('a key that S3 would change in a form is refused', async () => {
    await using blobs = await openBlobs(store)
    await expect(blobs.sign.post('a/${filename}', { maxBytes: 1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test("a URL is good by the store's clock, where ours is off", async () => {
    await using blobs = await openBlobs(store)
    await blobs.put('k', 'x')
    store.proxy.inject({ kind: 'clockSkew', strength: 'heavy' })
    await blobs.head('k')
    const { url, expiresAt } = await blobs.sign.get('k', { ttlMs: 60_000 })
    expect((await fetch(url)).status).toBe(200)
    expect(Math.abs(expiresAt.getTime() - Date.now() - 60_000)).toBeLessThan(5_000)
  })
})
