import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { type DeadJob, defineJob, discard, handle, type JobQueue, retryAfter, snooze } from '@pdvend/ports'
import { z } from 'zod'
import { openJobs, until } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

const job = defineJob('bulk', { input: z.object({ n: z.number(), bulk: z.string() }), retry: { maxAttempts: 3, firstMs: 10, maxMs: 20 } })
const input = (n: number) => ({ n, bulk: 'ção '.repeat(1_000) + n })
/** Half of them with a key. */
const keyed = (n: number) => (n % 2 === 0 ? {} : { key: `k${n}` })

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`payloads in the bucket${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  let queue: JobQueue
  beforeAll(async () => {
    engine = await startSqs()
    await engine.provision([job.name])
  }, 120_000)
  afterAll(() => engine?.stop(), 60_000)

  const open = () => openJobs(engine, { PDVEND_JOBS_OFFLOAD_BYTES: '1024' })
  const keys = async (area: string): Promise<readonly string[]> => {
    const command = new ListObjectsV2Command({ Bucket: engine.bucket, Prefix: `pdvend-jobs/${area}/` })
    return ((await engine.s3.send(command)).Contents ?? []).map(({ Key }) => Key!)
  }
  const empty = async (): Promise<boolean> => {
    const { ready, delayed, inFlight } = await queue.stats(job.name)
    return ready + delayed + inFlight === 0
  }

  test('are there while the job waits, come whole through retries and snoozes, and are gone once it is done', async () => {
    await using opened = await open()
    queue = opened
    for (let n = 0; n < 6; n++) await queue.enqueue(job, input(n), keyed(n))
    expect(await keys('payloads')).toHaveLength(6)
    const seen = new Map<number, number[]>()
    queue.work([
      handle(job, (given, { attempt }) => {
        expect(given).toEqual(input(given.n))
        const attempts = seen.get(given.n) ?? []
        seen.set(given.n, [...attempts, attempt])
        if (given.n < 2 && attempts.length === 0) throw new Error('once')
        if (given.n >= 2 && given.n < 4 && attempts.length === 0) throw snooze(20)
        if (given.n >= 4 && attempts.length === 0) throw retryAfter(20)
      }),
    ])
    await until(async () => seen.size === 6 && (await empty()), 15_000)
    expect(Object.fromEntries(seen)).toEqual({ 0: [1, 2], 1: [1, 2], 2: [1, 1], 3: [1, 1], 4: [1, 2], 5: [1, 2] })
    await until(async () => [...(await keys('payloads')), ...(await keys('notes'))].length === 0, 5_000)
  }, 40_000)

  test('are in the dead letter when the job dies, and come back with it', async () => {
    await using opened = await open()
    queue = opened
    let broken = true
    const done: number[] = []
    queue.work([
      handle(job, ({ n }) => {
        if (broken) throw n < 2 ? discard('no') : new Error('never')
        done.push(n)
      }),
    ])
    for (let n = 0; n < 4; n++) await queue.enqueue(job, input(n), keyed(n))
    await until(async () => (await queue.stats(job.name)).dead === 4, 15_000)
    // The letter is filed first, and counts from then on.
    await until(async () => [...(await keys('payloads')), ...(await keys('notes'))].length === 0, 5_000)
    const letters = await all(queue.dead.list({ name: job.name }))
    expect(letters.map(({ input: given }) => given).toSorted((a, b) => (a as { n: number }).n - (b as { n: number }).n)).toEqual(
      [0, 1, 2, 3].map(input),
    )
    broken = false
    expect(await queue.dead.redrive({ name: job.name })).toBe(4)
    await until(async () => done.length === 4 && (await empty()), 15_000)
    await until(async () => [...(await keys('payloads')), ...(await keys('dead')), ...(await keys('notes'))].length === 0, 5_000)
  }, 40_000)

  test('that somebody took away make a dead letter that says so, and hold nobody back', async () => {
    await using opened = await open()
    queue = opened
    for (let n = 0; n < 2; n++) await queue.enqueue(job, input(n), { key: 'same' })
    const [first] = await keys('payloads')
    await engine.s3.send(new DeleteObjectCommand({ Bucket: engine.bucket, Key: first! }))
    const done: number[] = []
    queue.work([handle(job, ({ n }) => void done.push(n))])
    await until(async () => done.length === 1 && (await queue.stats(job.name)).dead === 1, 15_000)
    const [letter] = await all(queue.dead.list({ name: job.name }))
    expect(letter).toMatchObject({ reason: 'unparsable', errors: [expect.stringMatching(/payload.*bucket/)] })
    expect(await queue.dead.discard({ name: job.name })).toBe(1)
    expect(await keys('payloads')).toEqual([])
  }, 40_000)
})

async function all(letters: AsyncIterable<DeadJob>): Promise<readonly DeadJob[]> {
  const found: DeadJob[] = []
  for await (const letter of letters) found.push(letter)
  return found
}
