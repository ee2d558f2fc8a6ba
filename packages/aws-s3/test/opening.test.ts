import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, awsSessions, whyMissing } from '@pdvend/engines'
import type { BlobDriver } from '@pdvend/ports'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlobs, openDriver } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`what is wrong is named at start${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  const before = { ...process.env }
  beforeAll(async () => (store = await startMiniStack({ credentials: { test: 'test', temporary: 'secret' } })), 120_000)
  afterEach(() => {
    store.proxy.inject()
    process.env = { ...before }
  })
  afterAll(() => store?.stop(), 60_000)

  const none = { PDVEND_BLOB_ACCESS_KEY: undefined, PDVEND_BLOB_SECRET_KEY: undefined }
  const fails = async (env: Readonly<Record<string, string | undefined>>): Promise<unknown> =>
    openDriver(store, env).then(
      (driver: BlobDriver) => driver.close(),
      (error: unknown) => error,
    )

  test.each([
    ['a bucket that is not there', { PDVEND_BLOB_BUCKET: 'not-there' }, 'NOT_FOUND', /PDVEND_BLOB_BUCKET.*pdvend provision/],
    ['a key that nobody knows', { PDVEND_BLOB_ACCESS_KEY: 'nobody' }, 'UNAUTHENTICATED', /PDVEND_BLOB_ACCESS_KEY/],
    ['a secret that is wrong', { PDVEND_BLOB_SECRET_KEY: 'wrong' }, 'UNAUTHENTICATED', /PDVEND_BLOB_SECRET_KEY/],
    ['half of the credentials', { PDVEND_BLOB_SECRET_KEY: undefined }, 'CONFIG_INVALID', /belong together/],
    ['an address where nothing answers', { PDVEND_BLOB_ENDPOINT: 'http://127.0.0.1:9' }, 'UNAVAILABLE', /PDVEND_BLOB_ENDPOINT/],
    [
      'another region than that of the bucket',
      { PDVEND_BLOB_REGION: 'eu-west-1' },
      'CONFIG_INVALID',
      /region us-east-1.*PDVEND_BLOB_REGION=us-east-1/,
    ],
  ])('%s', async (_, env, code, detail) => {
    expect(await fails(env)).toMatchObject({ code, adapter: 'aws-s3', operation: 'open', detail: expect.stringMatching(detail) })
  })

  test('a permission that is missing', async () => {
    store.proxy.inject({ kind: 'denied', strength: 'heavy' })
    expect(await fails({})).toMatchObject({
      code: 'PERMISSION_DENIED',
      detail: `allow s3:ListBucket on arn:aws:s3:::${store.bucket} to these credentials`,
    })
  })

  test('no credentials at all', async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none' })
    expect(await fails(none)).toMatchObject({ code: 'UNAUTHENTICATED', detail: expect.stringContaining('PDVEND_BLOB_ACCESS_KEY') })
  })

  test("credentials of the SDK's own chain, and no region but AWS_REGION", async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' })
    await using blobs = await openBlobs(store, { ...none, PDVEND_BLOB_REGION: undefined })
    await blobs.put('chain', 'x')
  })

  test('a session that ends while the app runs is fetched anew, and nothing is lost', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pdvend-aws-'))
    try {
      const profile = await awsSessions(folder)
      for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
      Object.assign(process.env, profile)
      await using blobs = await openBlobs(store, none)
      await blobs.put('session', 'first')
      store.proxy.expire('token-1')
      // The answer to HEAD does not say why.
      await blobs.head('session')
      store.proxy.expire('token-2')
      const puts = Array.from({ length: 20 }, (_, index) => blobs.put(`session-${index}`, 'x', { if: { create: true } }))
      await Promise.all([...puts, blobs.head('session')])
      expect(await (await blobs.get('session-19')).text()).toBe('x')
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 30_000)

  test('what another store keeps is measured, and told', async () => {
    const driver = await openDriver(store)
    expect(driver.facts).toMatchObject({ bucket: store.bucket, conditions: 'kept: writes, copy source, deletes; not: copy target' })
    expect(driver.capabilities).toEqual({
      conditionalWrites: true,
      conditionalDelete: true,
      conditionalCopy: true,
      signedUrls: true,
      signedPost: true,
    })
    await driver.close()
    await driver.close()
  })
})
