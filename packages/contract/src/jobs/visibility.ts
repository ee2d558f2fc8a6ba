import assert from 'node:assert/strict'
import { defineJob, discard, handle, PortError } from '@pdvend/ports'
import { z } from 'zod'
import { deferred, empty, type JobCase, jobOf, openQueue, pass, range, until } from './rig.js'

/** Q89 to Q91: what one can see of the queue. */
export const visibility: readonly JobCase[] = [
  {
    id: 'Q89',
    title: 'depth, in flight, delayed, dead and the oldest age are true at every moment, by name and in all',
    needs: ['delay'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      const other = jobOf(subject, { name: 'other' })
      assert.deepEqual(await queue.stats(job.name), { ready: 0, delayed: 0, inFlight: 0, dead: 0, oldestAgeMs: 0 })
      await queue.enqueueMany([
        ...range(5).map((n) => ({ job, input: { n } })),
        { job, input: { n: 9 }, delayMs: 600_000 },
        { job: other, input: { n: 0 } },
      ])
      await pass(subject, 500)
      const waiting = await queue.stats(job.name)
      assert.deepEqual([waiting.ready, waiting.delayed, waiting.inFlight, waiting.dead], [5, 1, 0, 0])
      assert.ok(waiting.oldestAgeMs >= 499 && waiting.oldestAgeMs < 30_000, `${waiting.oldestAgeMs}`)
      const go = deferred()
      const worker = queue.work(
        [
          handle(job, async ({ n }) => {
            if (n === 0) throw discard('dead')
            await go.promise
          }),
        ],
        { concurrency: 2 },
      )
      await until(subject, async () => worker.running === 2 && (await queue.stats(job.name)).dead === 1, { stepMs: 1 })
      const working = await queue.stats(job.name)
      assert.deepEqual([working.ready, working.delayed, working.inFlight, working.dead], [2, 1, 2, 1])
      assert.equal((await queue.stats(other.name)).ready, 1)
      const everything = await queue.stats()
      assert.ok(everything.ready >= 3 && everything.inFlight >= 2 && everything.dead >= 1)
      go.resolve()
      await until(subject, async () => (await queue.stats(job.name)).ready === 0, { stepMs: 1 })
    },
  },
  {
    id: 'Q89.1',
    title: 'jobs that wait behind their key count as ready, and are counted once',
    needs: ['fifo'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { key: () => 'one' })
      const go = deferred()
      await queue.enqueueMany(range(4).map((n) => ({ job, input: { n } })))
      assert.equal((await queue.stats(job.name)).ready, 4)
      const worker = queue.work([handle(job, () => go.promise)])
      await until(subject, () => worker.running === 1)
      const { ready, inFlight } = await queue.stats(job.name)
      assert.deepEqual([ready, inFlight], [3, 1])
      go.resolve()
      await until(subject, () => empty(queue, job.name))
    },
  },
  {
    id: 'Q90',
    title: 'progress is seen while the job runs and after it is done',
    needs: ['lookup'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const other = await subject.open()
      const job = jobOf(subject)
      const [half, go] = [deferred(), deferred()]
      const refused: unknown[] = []
      queue.work([
        handle(job, async (_, { progress }) => {
          await progress({ rows: 500, text: 'ção \u0000 🧾' })
          await progress(1n).catch((error: unknown) => refused.push(error))
          half.resolve()
          await go.promise
          await progress({ rows: 1_000 })
        }),
      ])
      const { id } = await queue.enqueue(job, { n: 1 })
      await until(subject, async () => (await other.find(id))?.progress !== undefined)
      await half.promise
      const running = await other.find(id)
      assert.deepEqual([running?.state, running?.attempt, running?.progress], ['running', 1, { rows: 500, text: 'ção \u0000 🧾' }])
      assert.ok(PortError.is(refused[0], 'INVALID_ARGUMENT'))
      go.resolve()
      await until(subject, async () => (await other.find(id))?.state === 'done')
      const done = await other.find(id)
      assert.deepEqual([done?.name, done?.progress], [job.name, { rows: 1_000 }])
    },
  },
  {
    id: 'Q91',
    title: 'find tells each state: delayed, ready, running, done, dead, unknown',
    needs: ['lookup', 'delay'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = defineJob(`${subject.run}.states`, { input: z.object({ fail: z.boolean() }) })
      const state = async (id: string): Promise<string | undefined> => (await queue.find(id))?.state
      const delayed = await queue.enqueue(job, { fail: false }, { delayMs: 3_600_000 })
      const good = await queue.enqueue(job, { fail: false })
      const bad = await queue.enqueue(job, { fail: true })
      assert.deepEqual([await state(delayed.id), await state(good.id), await state('unknown')], ['delayed', 'ready', undefined])
      const go = deferred()
      const worker = queue.work([
        handle(job, async ({ fail }) => {
          await go.promise
          if (fail) throw discard('no')
        }),
      ])
      await until(subject, () => worker.running === 2)
      assert.equal(await state(good.id), 'running')
      go.resolve()
      await until(subject, async () => (await state(good.id)) === 'done' && (await state(bad.id)) === 'dead')
      assert.equal(await state(delayed.id), 'delayed')
      await assert.rejects(queue.find(''), (error) => PortError.is(error, 'INVALID_ARGUMENT'))
    },
  },
]
