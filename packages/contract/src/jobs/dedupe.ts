import assert from 'node:assert/strict'
import { type DriverJob, handle, type JobDriver, PortError } from '@pdvend/ports'
import { intercept } from '../subject.js'
import { empty, type JobCase, jobOf, openQueue, pass, range, until } from './rig.js'

/** Q48 to Q56: the same thing asked for twice. */
export const dedupe: readonly JobCase[] = [
  {
    id: 'Q48',
    title: "the same dedupe key within the window enqueues once and gives the first job's id, also once it is done",
    needs: ['dedupe'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const other = await subject.open()
      const job = jobOf(subject)
      const first = await queue.enqueue(job, { n: 1 }, { dedupeKey: 'sale-1' })
      assert.deepEqual(await other.enqueue(job, { n: 2 }, { dedupeKey: 'sale-1' }), { id: first.id, duplicate: true })
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))])
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(await queue.enqueue(job, { n: 3 }, { dedupeKey: 'sale-1' }), { id: first.id, duplicate: true })
      const elsewhere = await queue.enqueue(jobOf(subject, { name: 'elsewhere' }), { n: 4 }, { dedupeKey: 'sale-1' })
      assert.equal(elsewhere.duplicate, false, 'another job has keys of its own')
      await pass(subject, 300)
      assert.deepEqual(seen, [1])
    },
  },
  {
    id: 'Q48.1',
    title: 'of 20 who enqueue one dedupe key at once exactly one is first',
    needs: ['dedupe'],
    async run(subject) {
      const queues = await Promise.all(range(4).map(() => subject.open()))
      const job = jobOf(subject)
      const receipts = await Promise.all(range(20).map((n) => queues[n % 4]!.enqueue(job, { n }, { dedupeKey: 'race' })))
      assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1)
      assert.equal(new Set(receipts.map(({ id }) => id)).size, 1)
      assert.equal((await queues[0]!.stats(job.name)).ready, 1)
    },
  },
  {
    id: 'Q50',
    title: 'the dedupe key is free again after its window',
    needs: ['dedupe'],
    engine: ['fakeClock'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const options = { dedupeKey: 'hourly', dedupeWindowMs: 3_600_000 }
      const first = await queue.enqueue(job, { n: 1 }, options)
      await subject.fakeClock.advance(3_599_000)
      assert.equal((await queue.enqueue(job, { n: 2 }, options)).id, first.id)
      await subject.fakeClock.advance(1_001)
      const next = await queue.enqueue(job, { n: 3 }, options)
      assert.equal(next.duplicate, false)
      assert.notEqual(next.id, first.id)
      assert.equal((await queue.stats(job.name)).ready, 2)
    },
  },
  {
    id: 'Q51',
    title: 'dedupe holds inside one batch',
    needs: ['dedupe'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const outcomes = await queue.enqueueMany(range(6).map((n) => ({ job, input: { n }, dedupeKey: `k${n % 2}` })))
      assert.deepEqual(
        outcomes.map((outcome) => outcome.error === undefined && outcome.duplicate),
        [false, false, true, true, true, true],
      )
      assert.equal(outcomes[4]?.id, outcomes[0]?.id)
      assert.equal((await queue.stats(job.name)).ready, 2)
    },
  },
  {
    id: 'Q52',
    title: 'the same job sent twice because a reply got lost is stored once',
    needs: ['dedupe'],
    async run(subject) {
      let lostReplies = 0
      const wrap = (driver: JobDriver): unknown =>
        intercept(driver, async (name, call) => {
          const answer = await call()
          if (name === 'enqueue' && lostReplies++ === 0) throw new PortError('UNAVAILABLE', { detail: 'reply lost', outcome: 'unknown' })
          return answer
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never, face: { retry: { firstMs: 1, maxMs: 1 } } })
      const job = jobOf(subject)
      const { id } = await settledWithTime(subject, queue.enqueue(job, { n: 1 }, { dedupeKey: 'once' }))
      assert.equal(lostReplies, 2)
      const driver = await subject.driver()
      const [lease] = await driver.receive({ names: [job.name], max: 10, waitMs: 1, leaseMs: 5_000, signal: AbortSignal.timeout(5_000) })
      assert.equal(lease?.job.id, id)
      const again: DriverJob = { ...lease.job }
      const [outcome] = await driver.enqueue([again], { signal: AbortSignal.timeout(5_000) })
      assert.equal((outcome as { id: string }).id, id, 'a job whose id is there is not stored twice')
      await driver.settle(lease, { kind: 'done' }, { signal: AbortSignal.timeout(5_000) })
      assert.ok(await empty(queue, job.name))
    },
  },
  {
    id: 'Q52.1',
    title: 'without a dedupe key a lost reply is an error with outcome unknown, not a second job',
    async run(subject) {
      let sent = 0
      const wrap = (driver: JobDriver): unknown =>
        intercept(driver, async (name, call) => {
          const answer = await call()
          if (name === 'enqueue' && sent++ === 0) throw new PortError('UNAVAILABLE', { detail: 'reply lost', outcome: 'unknown' })
          return answer
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never })
      const job = jobOf(subject)
      await assert.rejects(queue.enqueue(job, { n: 1 }), (error) => PortError.is(error, 'UNAVAILABLE') && error.outcome === 'unknown')
      assert.equal(sent, 1)
      assert.equal((await queue.stats(job.name)).ready, 1)
    },
  },
  {
    id: 'Q56',
    title: 'an engine that is down fails the enqueue within its deadline, after tries with backoff',
    engine: ['fakeClock'],
    async run(subject) {
      let tries = 0
      const wrap = (driver: JobDriver): unknown =>
        intercept(driver, async (name, call) => {
          if (name !== 'enqueue') return call()
          tries++
          throw new PortError('UNAVAILABLE', { detail: 'down', outcome: 'not-applied' })
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never, face: { retry: { maxAttempts: 50, firstMs: 100, maxMs: 400 } } })
      const job = jobOf(subject)
      const startedAt = subject.clock.now()
      const error = await settledWithTime(
        subject,
        queue.enqueue(job, { n: 1 }, { timeoutMs: 2_000 }).catch((thrown: unknown) => thrown),
      )
      assert.ok(PortError.is(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED'))
      assert.ok(tries > 2 && tries < 60, `${tries} tries`)
      assert.ok(subject.clock.now() - startedAt <= 2_100)
    },
  },
]

/** What `work` resolves with, time moving on meanwhile. */
async function settledWithTime<T>(subject: Parameters<JobCase['run']>[0], work: Promise<T>): Promise<T> {
  let settled = false
  void work.finally(() => (settled = true)).catch(() => {})
  await until(subject, () => settled, { stepMs: 50 })
  return work
}
