import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { awsSessions, whyMissing } from '@pdvend/engines'
import { defineJob, handle, type JobDriver } from '@pdvend/ports'
import { z } from 'zod'
import { type Env, openDriver, openJobs, until } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

const job = defineJob('opening', { input: z.object({ n: z.number() }) })
/** MiniStack takes twelve digits for an account of its own. */
const OTHER_ACCOUNT = '999988887777'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`what is wrong is named at start${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  const before = { ...process.env }
  beforeAll(async () => {
    engine = await startSqs({ credentials: { test: 'test', temporary: 'secret', [OTHER_ACCOUNT]: 'test' } })
    await engine.provision([job.name])
  }, 120_000)
  afterEach(() => {
    engine.proxy.inject()
    engine.bucketProxy.inject()
    process.env = { ...before }
  })
  afterAll(() => engine?.stop(), 60_000)

  const none = { PDVEND_JOBS_ACCESS_KEY: undefined, PDVEND_JOBS_SECRET_KEY: undefined }
  const fails = async (env: Env): Promise<unknown> =>
    openDriver(engine, env).then(
      (driver: JobDriver) => driver.close(),
      (error: unknown) => error,
    )
  const withoutAws = (more: Env): void => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, more)
  }

  test.each([
    ['a bucket that is not there', { PDVEND_JOBS_BUCKET: 'not-there' }, 'NOT_FOUND', /PDVEND_JOBS_BUCKET.*pdvend provision/],
    ['a key that nobody knows', { PDVEND_JOBS_ACCESS_KEY: 'nobody' }, 'UNAUTHENTICATED', /PDVEND_JOBS_ACCESS_KEY/],
    ['a secret that is wrong', { PDVEND_JOBS_SECRET_KEY: 'wrong' }, 'UNAUTHENTICATED', /PDVEND_JOBS_SECRET_KEY/],
    ['half of the credentials', { PDVEND_JOBS_SECRET_KEY: undefined }, 'CONFIG_INVALID', /belong together/],
    ['an address where no queue answers', { PDVEND_JOBS_ENDPOINT: 'http://127.0.0.1:9' }, 'UNAVAILABLE', /PDVEND_JOBS_ENDPOINT/],
    [
      'an address where no bucket answers',
      { PDVEND_JOBS_BUCKET_ENDPOINT: 'http://127.0.0.1:9' },
      'UNAVAILABLE',
      /PDVEND_JOBS_BUCKET_ENDPOINT/,
    ],
    ['another region than that of the bucket', { PDVEND_JOBS_REGION: 'eu-west-1' }, 'CONFIG_INVALID', /PDVEND_JOBS_REGION/],
    ['a bucket of another account', { PDVEND_JOBS_ACCESS_KEY: OTHER_ACCOUNT }, 'PERMISSION_DENIED', /PDVEND_JOBS_BUCKET/],
  ])('%s', async (_, env, code, detail) => {
    expect(await fails(env)).toMatchObject({ code, adapter: 'aws-sqs', operation: 'open', detail: expect.stringMatching(detail) })
  })

  test('a permission for the bucket that is missing', async () => {
    engine.bucketProxy.inject({ kind: 'denied', strength: 'heavy' })
    expect(await fails({})).toMatchObject({
      code: 'PERMISSION_DENIED',
      detail: expect.stringMatching(/s3:ListBucket.*PDVEND_JOBS_BUCKET_PREFIX/),
    })
  })

  test.each(['if-none-match', 'if-match'])('a store that drops %s', async (dropped) => {
    const careless = createServer((incoming, outgoing) => {
      const { [dropped]: _, ...headers } = incoming.headers
      const { hostname, port } = new URL(engine.bucketUrl)
      const upstream = request({ hostname, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      incoming.pipe(upstream)
    })
    await new Promise<void>((resolve) => careless.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = careless.address() as AddressInfo
      const name = dropped === 'if-match' ? /If-Match/ : /If-None-Match/
      expect(await fails({ PDVEND_JOBS_BUCKET_ENDPOINT: `http://127.0.0.1:${port}` })).toMatchObject({
        code: 'CONFIG_INVALID',
        detail: expect.stringMatching(name),
      })
    } finally {
      careless.closeAllConnections()
      careless.close()
    }
  })

  test('a permission for the queues that is missing, at the first job', async () => {
    await using queue = await openJobs(engine)
    engine.proxy.inject({ kind: 'denied', strength: 'heavy' })
    await expect(queue.enqueue(job, { n: 1 })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      detail: expect.stringMatching(/policy|allow/),
    })
  })

  test('a queue that nobody has made, with a key and without', async () => {
    await using queue = await openJobs(engine)
    const unknown = defineJob('never.made', { input: z.object({ n: z.number() }) })
    await expect(queue.enqueue(unknown, { n: 1 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: expect.stringMatching(/pdvend provision/),
    })
    await expect(queue.enqueue(unknown, { n: 1 }, { key: 'k' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      detail: expect.stringMatching(/never\.made:keyed/),
    })
  })

  test('no credentials at all', async () => {
    withoutAws({ AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none' })
    expect(await fails(none)).toMatchObject({ code: 'UNAUTHENTICATED', detail: expect.stringContaining('PDVEND_JOBS_ACCESS_KEY') })
  })

  test('no region at all', async () => {
    withoutAws({ AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none' })
    expect(await fails({ PDVEND_JOBS_REGION: undefined })).toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining('AWS_REGION'),
    })
  })

  test("credentials of the SDK's own chain, and no region but AWS_REGION", async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' })
    await using queue = await openJobs(engine, { ...none, PDVEND_JOBS_REGION: undefined })
    await queue.enqueue(job, { n: 1 })
  })

  test('a session that ends while the app runs is fetched anew: no job fails, none is lost', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pdvend-sqs-'))
    try {
      withoutAws(await awsSessions(folder))
      const session = defineJob('session', { input: z.object({ n: z.number() }) })
      await engine.provision([session.name])
      await using queue = await openJobs(engine, none)
      const done = new Set<number>()
      queue.work([handle(session, ({ n }) => void done.add(n))])
      await queue.enqueue(session, { n: 0 })
      // Each of the three clients has fetched a session of its own.
      for (const round of [1, 2]) {
        for (const number of [3 * round - 2, 3 * round - 1, 3 * round]) {
          engine.proxy.expire(`token-${number}`)
          engine.bucketProxy.expire(`token-${number}`)
        }
        const sent = Array.from({ length: 10 }, (_, n) => queue.enqueue(session, { n: round * 10 + n }, { dedupeKey: `s${round}-${n}` }))
        await Promise.all(sent)
      }
      await until(() => done.size === 21, 20_000)
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 60_000)
})
