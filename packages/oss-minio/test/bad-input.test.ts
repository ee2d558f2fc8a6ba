import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type RunningEngine, whyMissing } from '@pdvend/engines'
import { PortError, type PortErrorCode, readSettings } from '@pdvend/ports'
import { ossMinio } from '../src/index.js'
import { BUCKET, open, startBucket } from './engine.js'
import { tlsFront, whyNoCertificates } from './tls-front.js'

const missing = (await whyMissing('minio')) ?? (await whyMissing('versitygw'))
const noCertificates = whyNoCertificates()
/** Ends long before the call's own deadline would. */
const DEADLINE_MS = 15_000

async function refused(env: Readonly<Record<string, string>>, code: PortErrorCode, ...names: string[]): Promise<void> {
  const started = Date.now()
  const error: unknown = await open(env, DEADLINE_MS).then(
    (driver) => driver.close().then(() => 'it opened'),
    (thrown: unknown) => thrown,
  )
  expect(PortError.is(error)).toBe(true)
  expect((error as PortError).code).toBe(code)
  for (const name of names) expect((error as PortError).message).toContain(name)
  expect(String(error)).not.toContain(env.PDVEND_BLOB_SECRET_KEY)
  expect(Date.now() - started).toBeLessThan(DEADLINE_MS)
}

test('settings that are none are named together', async () => {
  const { problems } = await readSettings(ossMinio.config, {
    PDVEND_BLOB_ENDPOINT: 'http://127.0.0.1:9000/bucket',
    PDVEND_BLOB_BUCKET: 'Not A Bucket',
    PDVEND_BLOB_PART_BYTES: '1024',
    PDVEND_BLOB_NAMES: 'any',
  })
  expect(problems?.map(({ env }) => env)).toEqual([
    'PDVEND_BLOB_ENDPOINT',
    'PDVEND_BLOB_BUCKET',
    'PDVEND_BLOB_ACCESS_KEY',
    'PDVEND_BLOB_NAMES',
    'PDVEND_BLOB_PART_BYTES',
  ])
})

describe('what an operator gets wrong is named at start', () => {
  if (missing !== undefined) return test.skip(`bad input (skipped: ${missing})`, () => {})
  let minio: RunningEngine
  let versitygw: RunningEngine

  beforeAll(async () => {
    minio = await startBucket('minio')
    versitygw = await startBucket('versitygw')
  }, 120_000)

  afterAll(async () => {
    await minio?.stop()
    await versitygw?.stop()
  })

  test('an address where nothing listens, nothing answers, or something else answers', async () => {
    await refused({ ...minio.env, PDVEND_BLOB_ENDPOINT: 'http://127.0.0.1:9' }, 'UNAVAILABLE', 'PDVEND_BLOB_ENDPOINT')
    await refused(
      { ...minio.env, PDVEND_BLOB_ENDPOINT: 'http://store.localhost.invalid:9', PDVEND_BLOB_ALLOW_PLAIN_TEXT: 'true' },
      'UNAVAILABLE',
      'PDVEND_BLOB_ENDPOINT',
    )
    const mute = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const silent = {
      ...minio.env,
      PDVEND_BLOB_ENDPOINT: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`,
      PDVEND_BLOB_IDLE_TIMEOUT_MS: '500',
    }
    await refused(silent, 'UNAVAILABLE', 'PDVEND_BLOB_IDLE_TIMEOUT_MS')
    mute.close()
    for (const status of [200, 404]) {
      const page = createHttpServer((_, response) => response.writeHead(status, { 'content-type': 'text/html' }).end('<html>hello</html>'))
      page.listen(0, '127.0.0.1')
      await once(page, 'listening')
      await refused(
        { ...minio.env, PDVEND_BLOB_ENDPOINT: `http://127.0.0.1:${(page.address() as AddressInfo).port}` },
        'CONFIG_INVALID',
        'PDVEND_BLOB_ENDPOINT',
        'no S3 store',
      )
      page.closeAllConnections()
      page.close()
    }
  })

  test('keys that the store does not know, or that do not fit', async () => {
    for (const { env } of [minio, versitygw]) {
      await refused({ ...env, PDVEND_BLOB_ACCESS_KEY: 'nobody' }, 'UNAUTHENTICATED', 'PDVEND_BLOB_ACCESS_KEY')
      await refused({ ...env, PDVEND_BLOB_SECRET_KEY: 'not the secret' }, 'UNAUTHENTICATED', 'PDVEND_BLOB_SECRET_KEY')
    }
    await refused({ ...minio.env, PDVEND_BLOB_UPLOAD_ACCESS_KEY: 'alone' }, 'CONFIG_INVALID', 'PDVEND_BLOB_UPLOAD_SECRET_KEY')
    const { PDVEND_BLOB_SECRET_KEY: _secret, ...without } = minio.env
    await expect(open(without)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('an upload key that may not write signs nothing: the capabilities say so', async () => {
    const driver = await open({ ...minio.env, PDVEND_BLOB_UPLOAD_ACCESS_KEY: 'nobody', PDVEND_BLOB_UPLOAD_SECRET_KEY: 'nothing' })
    expect(driver.capabilities).toMatchObject({ signedUrls: false, signedPost: false, conditionalWrites: true })
    await driver.close()
  })

  test('a bucket that is not there', async () => {
    for (const { env } of [minio, versitygw])
      await refused({ ...env, PDVEND_BLOB_BUCKET: 'not-there' }, 'NOT_FOUND', 'PDVEND_BLOB_BUCKET', 'pdvend provision')
  })

  test('a region that is not the store’s', async () => {
    await refused({ ...versitygw.env, PDVEND_BLOB_REGION: 'sa-east-1' }, 'CONFIG_INVALID', 'PDVEND_BLOB_REGION')
  })

  test('names that are not those of the bucket', async () => {
    const first = await open(minio.env)
    await first.close()
    await refused(
      { ...minio.env, PDVEND_BLOB_NAMES: first.facts!.names === 'plain' ? 'escaped' : 'plain' },
      'CONFIG_INVALID',
      'PDVEND_BLOB_NAMES',
    )
  })

  test('plain text to an address that is not this machine, unless it is allowed by name', async () => {
    const far = { ...minio.env, PDVEND_BLOB_ENDPOINT: 'http://192.0.2.1:9000' }
    await refused(far, 'CONFIG_INVALID', 'PDVEND_BLOB_ENDPOINT', 'PDVEND_BLOB_ALLOW_PLAIN_TEXT')
    const near = { ...minio.env, PDVEND_BLOB_ENDPOINT: minio.env.PDVEND_BLOB_ENDPOINT!.replace('127.0.0.1', 'localhost') }
    await (await open(near)).close()
    // Documentation's own network: nobody is there.
    await refused(
      { ...far, PDVEND_BLOB_ALLOW_PLAIN_TEXT: 'true', PDVEND_BLOB_CONNECT_TIMEOUT_MS: '700' },
      'UNAVAILABLE',
      'PDVEND_BLOB_ENDPOINT',
    )
  })

  test('the wrong one of http:// and https://', async () => {
    const secure = minio.env.PDVEND_BLOB_ENDPOINT!.replace('http:', 'https:')
    await refused({ ...minio.env, PDVEND_BLOB_ENDPOINT: secure }, 'CONFIG_INVALID', 'https://')
  })

  const certificate = noCertificates === undefined ? test : test.skip
  const why = noCertificates === undefined ? '' : ` (skipped: ${noCertificates})`

  certificate(
    `a certificate that nobody trusts, and one that is for another host${why}`,
    async () => {
      const port = Number(new URL(minio.env.PDVEND_BLOB_ENDPOINT!).port)
      const own = await tlsFront(port, '127.0.0.1')
      const other = await tlsFront(port, 'other.example')
      try {
        await refused({ ...minio.env, PDVEND_BLOB_ENDPOINT: own.url }, 'CONFIG_INVALID', 'PDVEND_BLOB_CA_FILE')
        await refused(
          { ...minio.env, PDVEND_BLOB_ENDPOINT: other.url, PDVEND_BLOB_CA_FILE: other.caFile },
          'CONFIG_INVALID',
          'another host',
          'PDVEND_BLOB_ENDPOINT',
        )
        await refused(
          { ...minio.env, PDVEND_BLOB_ENDPOINT: own.url, PDVEND_BLOB_CA_FILE: '/not/there.pem' },
          'CONFIG_INVALID',
          'PDVEND_BLOB_CA_FILE',
        )
        const driver = await open({ ...minio.env, PDVEND_BLOB_ENDPOINT: own.url, PDVEND_BLOB_CA_FILE: own.caFile })
        const signal = AbortSignal.timeout(DEADLINE_MS)
        const bytes = Buffer.alloc(9 * 1_048_576, 'tls')
        await driver.put(
          'tls',
          { bytes, sizeBytes: bytes.byteLength, stream: (async function* () {})() },
          { contentType: 'text/plain', metadata: {}, signal },
        )
        const chunks: Uint8Array[] = []
        for await (const chunk of (await driver.get('tls', { signal })).body) chunks.push(chunk)
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
        expect(driver.capabilities).toMatchObject({ conditionalWrites: true, signedUrls: true, signedPost: true })
        await driver.close()
      } finally {
        await own.close()
        await other.close()
      }
    },
    60_000,
  )

  test(`the bucket is ${BUCKET}, and all of this left nothing in it that a listing shows`, async () => {
    const driver = await open(minio.env)
    const { entries } = await driver.list({ prefix: '', pageSize: 10, signal: AbortSignal.timeout(DEADLINE_MS) })
    expect(entries.filter((entry) => entry.kind !== 'blob' || entry.key !== 'tls')).toEqual([])
    await driver.close()
  })
})
