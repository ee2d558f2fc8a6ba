import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, whyMissing } from '@pdvend/engines'
import { type BlobStorage, type Permission, PortError } from '@pdvend/ports'
import { manifest } from '../src/index.js'
import { bytesOf, openBlobs, openDriver, settingsOf } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

const rights = async (env: Readonly<Record<string, string>> = {}): Promise<readonly Permission[]> =>
  manifest.permissions!(await settingsOf({ PDVEND_BLOB_BUCKET: 'pdv-notas', ...env }), { jobs: [] })

const actionsOf = (permissions: readonly Permission[]): readonly string[] => permissions.flatMap(({ actions }) => actions).sort()

test('the rights of a bucket, on the bucket and on its objects', async () => {
  expect(await rights()).toEqual([
    { reason: 'find the bucket and list blobs', actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::pdv-notas'] },
    {
      reason: 'read write copy sign and delete blobs',
      actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
      resources: ['arn:aws:s3:::pdv-notas/*'],
    },
  ])
})

test('the sweep needs one more, an account bounds them all, and the region tells the partition', async () => {
  const all = await rights({ PDVEND_BLOB_SWEEP_AFTER_MS: '1000', PDVEND_BLOB_ACCOUNT: '123456789012', PDVEND_BLOB_REGION: 'cn-north-1' })
  expect(all).toHaveLength(3)
  expect(all[2]).toEqual({
    reason: 'find unfinished uploads at start',
    actions: ['s3:ListBucketMultipartUploads'],
    resources: ['arn:aws-cn:s3:::pdv-notas'],
    conditions: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
  })
  expect(all.every(({ conditions }) => conditions !== undefined)).toBe(true)
})

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`on a store that holds every request against the policy${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  const account = '123456789012'
  const env = { PDVEND_BLOB_ACCOUNT: account, PDVEND_BLOB_SWEEP_AFTER_MS: '0', PDVEND_BLOB_PART_BYTES: '5242880' }
  beforeAll(async () => (store = await startMiniStack({ account })), 120_000)
  afterAll(() => store?.stop(), 60_000)

  const granted = async (but?: string): Promise<readonly Permission[]> => {
    const all = await rights({ ...env, PDVEND_BLOB_BUCKET: store.bucket })
    return all.map((one) => ({ ...one, actions: one.actions.filter((action) => action !== but) }))
  }

  test('everything that the driver does is allowed, and nothing is allowed that it does not do', async () => {
    store.proxy.allow(await granted())
    await using blobs = await openBlobs(store, env)
    for (const call of calls(blobs)) await call()
    expect(store.proxy.needed).toEqual(actionsOf(await granted()))
  }, 30_000)

  test.each(['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucket'])(
    'what is denied for want of %s names it, and the resource',
    async (action) => {
      store.proxy.allow(await granted())
      await using blobs = (await openBlobs(store, env)).scope(action.slice('s3:'.length))
      store.proxy.allow(await granted(action))
      const details: string[] = []
      for (const call of calls(blobs))
        await call().catch((error: unknown) => {
          // What was not put is not found.
          if (!PortError.is(error, 'PERMISSION_DENIED', 'NOT_FOUND')) throw error
          if (error.code === 'PERMISSION_DENIED') details.push(error.detail ?? '')
        })
      const resource = action === 's3:ListBucket' ? store.bucket : `${store.bucket}/*`
      expect(details.length).toBeGreaterThan(0)
      expect(details.filter((detail) => !(detail.includes(action) && detail.includes(` on arn:aws:s3:::${resource} to`)))).toEqual([])
    },
    30_000,
  )

  test("a bucket of another account's is refused at start, with the setting to change", async () => {
    store.proxy.allow()
    await expect(openDriver(store, { ...env, PDVEND_BLOB_ACCOUNT: '210987654321' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      detail: expect.stringMatching(/s3:ListBucket on arn:aws:s3:::.*not of account 210987654321, as PDVEND_BLOB_ACCOUNT says/),
    })
  })

  test.each(['s3:PutObject', 's3:GetObject', 's3:DeleteObject'])(
    'without %s another store cannot be measured, and is not opened',
    async (action) => {
      store.proxy.allow(await granted(action))
      await expect(openDriver(store, env)).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        operation: 'open',
        detail: expect.stringMatching(new RegExp(`^allow .*${action}.* on arn:aws:s3:::${store.bucket}/\\*`)),
      })
    },
  )
})

/** Every call of the port, so that the driver sends every request that it has. */
function calls(blobs: BlobStorage): readonly (() => Promise<unknown>)[] {
  const large = bytesOf(6_000_000, 1)
  const streamed = async function* (failing: boolean): AsyncGenerator<Uint8Array> {
    yield large
    if (failing) throw new Error('the source died')
  }
  const ttl = { ttlMs: 60_000 }
  return [
    () => blobs.put('a', 'x'),
    () => blobs.put('large', streamed(false)),
    () =>
      blobs
        .put('broken', streamed(true))
        .catch((error: unknown) => (PortError.is(error, 'PERMISSION_DENIED') ? Promise.reject(error) : undefined)),
    async () => (await blobs.get('a')).text(),
    () => blobs.head('a'),
    () => blobs.copy('a', 'b'),
    () => blobs.copy('a', 'c', { if: { create: true } }),
    async () => {
      for await (const _entry of blobs.list());
    },
    () => blobs.delete('b'),
    async () => {
      for await (const { error } of blobs.deleteMany(['a', 'c', 'large'])) if (error !== undefined) throw error
    },
    async () => {
      const { url, headers } = await blobs.sign.put('signed', { contentType: 'text/plain', ...ttl })
      await fetch(url, { method: 'PUT', headers, body: 'x' })
      await fetch((await blobs.sign.get('signed', ttl)).url)
    },
  ]
}
