import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { defineJob, discard, handle, type Permission, type ProvisionResources } from '@pdvend/ports'
import { z } from 'zod'
import { manifest } from '../src/index.js'
import { type Env, openJobs, settingsOf, until } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

const rights = async (jobs: ProvisionResources['jobs'], env: Env = {}): Promise<readonly Permission[]> =>
  manifest.permissions!(await settingsOf({ PDVEND_JOBS_BUCKET: 'pdv-notas', ...env }), { jobs })

test('rights on the queues of each job, and below the prefix of the bucket', async () => {
  const [queues, all, bucket, objects] = await rights(
    [
      { name: 'sale.issue', keyed: true },
      { name: 'import', keyed: false },
    ],
    {
      PDVEND_JOBS_REGION: 'sa-east-1',
    },
  )
  expect(queues?.resources).toEqual(
    ['sale_issue', 'import'].flatMap((job) =>
      ['', '--later', '--dead', '.fifo', '--dead.fifo'].map((role) => `arn:aws:sqs:sa-east-1:*:pdvend-${job}${role}`),
    ),
  )
  expect(all).toMatchObject({ actions: ['sqs:ListQueues'], resources: ['*'] })
  expect(bucket).toMatchObject({ actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::pdv-notas'] })
  expect(objects?.resources).toEqual(['arn:aws:s3:::pdv-notas/pdvend-jobs/*'])
})

test('without jobs, on all queues of the prefix; the region tells the partition', async () => {
  const env = { PDVEND_JOBS_REGION: 'cn-north-1', PDVEND_JOBS_PREFIX: 'loja-', PDVEND_JOBS_ACCOUNT: '123456789012' }
  const [queues, , bucket] = await rights([], env)
  expect(queues?.resources).toEqual(['arn:aws-cn:sqs:cn-north-1:123456789012:loja-*'])
  expect(bucket?.resources).toEqual(['arn:aws-cn:s3:::pdv-notas'])
})

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`where every request is held against the policy${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  const job = defineJob('allowed', { input: z.object({ n: z.number() }), retry: { firstMs: 10, maxMs: 20 } })
  beforeAll(async () => {
    engine = await startSqs()
    await engine.provision([job.name])
  }, 120_000)
  afterAll(() => engine?.stop(), 60_000)

  test('everything that the driver does is allowed, and nothing is allowed that it does not do', async () => {
    const granted = await rights([{ name: job.name, keyed: true }], { ...engine.env })
    const actions = (service: string) =>
      granted
        .flatMap((one) => one.actions)
        .filter((action) => action.startsWith(service))
        .toSorted()
    engine.proxy.allow(granted)
    engine.bucketProxy.allow(granted)
    await using queue = await openJobs(engine, { PDVEND_JOBS_OFFLOAD_BYTES: '1024' })
    const failed = new Set<number>()
    const seen = new Set<number>()
    queue.work([
      handle(job, ({ n }) => {
        if (n === 3) throw discard('no')
        if (!failed.has(n)) {
          failed.add(n)
          throw new Error('once')
        }
        seen.add(n)
      }),
    ])
    await queue.enqueue(job, { n: 1 }, { key: 'k' })
    await queue.enqueue(job, { n: 2 }, { dedupeKey: 'd', headers: { bulk: 'x'.repeat(2_000) } })
    await queue.enqueue(job, { n: 3 })
    await queue.enqueue(job, { n: 4 }, { delayMs: 3_600_000 })
    await until(async () => seen.size === 2 && (await queue.stats()).dead === 1, 15_000)
    expect(await queue.dead.discard({ name: job.name })).toBe(1)
    expect(engine.proxy.needed).toEqual(actions('sqs:'))
    expect(engine.bucketProxy.needed).toEqual(actions('s3:'))
  }, 40_000)
})
