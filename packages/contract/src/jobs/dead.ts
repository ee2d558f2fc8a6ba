import assert from 'node:assert/strict'
import { defineJob, discard, handle, type JobQueue, PortError } from '@pdvend/ports'
import { z } from 'zod'
import { all, deferred, empty, type JobCase, jobOf, openQueue, range, until } from './rig.js'

/** Q32 to Q39: what died is kept with all that one needs, and can come back. */
export const dead: readonly JobCase[] = [
  {
    id: 'Q32',
    title: 'an exhausted job lands in the dead letters with cause, attempts, input, headers and times',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 2, firstMs: 10 } })
      queue.work([
        handle(job, () => {
          throw new Error('printer on fire')
        }),
      ])
      const before = subject.clock.now()
      const { id } = await queue.enqueue(job, { n: 5 }, { headers: { till: '7' }, key: 'k' })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1)
      const [found] = await all(queue.dead.list({ name: job.name }))
      const { enqueuedAt, diedAt, ...rest } = found!
      assert.deepEqual(rest, {
        id,
        name: job.name,
        key: 'k',
        reason: 'exhausted',
        errors: ['Error: printer on fire'],
        attempts: 2,
        input: { n: 5 },
        headers: { till: '7' },
      })
      assert.ok(enqueuedAt.getTime() >= before && diedAt >= enqueuedAt && diedAt.getTime() <= subject.clock.now())
    },
  },
  {
    id: 'Q33',
    title: 'dead letters are found by name, key, reason, error, time and ids; pages add up, oldest first',
    timeoutMs: 60_000,
    async run(subject) {
      const { queue } = await openQueue(subject)
      const [first, second] = [jobOf(subject, { name: 'first', retry: { maxAttempts: 1 } }), jobOf(subject, { name: 'second' })]
      const failing = [
        handle(first, ({ n }) => {
          throw new Error(n % 2 === 0 ? 'even "quoted" ção' : 'odd')
        }),
        handle(second, () => {
          throw discard('no')
        }),
      ]
      await queue.enqueueMany(range(230).map((n) => ({ job: first, input: { n }, key: `k${n % 10}` })))
      const worker = queue.work(failing, { concurrency: 50 })
      await until(subject, async () => (await queue.stats(first.name)).dead === 230)
      const between = new Date(subject.clock.now() + 1)
      await until(subject, () => subject.clock.now() > between.getTime() + 1)
      const { id } = await queue.enqueue(second, { n: 0 })
      await until(subject, async () => (await queue.stats(second.name)).dead === 1)
      await worker.close()

      const count = async (query: Parameters<JobQueue['dead']['list']>[0]): Promise<number> => (await all(queue.dead.list(query))).length
      assert.equal(await count({ name: first.name }), 230)
      assert.equal(await count({ name: first.name, key: 'k3' }), 23)
      assert.equal(await count({ name: first.name, error: 'even "quoted" ção' }), 115)
      assert.equal(await count({ name: first.name, reason: 'discarded' }), 0)
      assert.equal(await count({ name: second.name, reason: 'discarded' }), 1)
      assert.equal(await count({ ids: [id, 'unknown'] }), 1)
      assert.equal(await count({ name: first.name, to: between }), 230)
      assert.equal(await count({ name: first.name, from: between }), 0)
      assert.equal(await count({ name: second.name, from: between }), 1)
      const times = (await all(queue.dead.list({ name: first.name }))).map(({ diedAt }) => diedAt.getTime())
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      )
      await assert.rejects(
        queue.dead.discard({ nmae: 'typo' } as never),
        (error) => PortError.is(error, 'INVALID_ARGUMENT') && /nmae/.test(error.message),
      )
      assert.equal(await count({ name: first.name }), 230, 'a misspelt query discards nothing')
    },
  },
  {
    id: 'Q34',
    title: 'redrive of one, by query, and at a rate',
    engine: ['fakeClock'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      let broken = true
      const done: number[] = []
      queue.work([
        handle(job, ({ n }) => {
          if (broken) throw new Error(n < 5 ? 'low' : 'high')
          done.push(n)
        }),
      ])
      const outcomes = await queue.enqueueMany(range(25).map((n) => ({ job, input: { n } })))
      await until(subject, async () => (await queue.stats(job.name)).dead === 25)
      broken = false
      assert.equal(await queue.dead.redrive({ ids: [outcomes[0]!.id!] }), 1)
      await until(subject, () => done.length === 1)
      assert.deepEqual(done, [0])
      assert.equal(await queue.dead.redrive({ name: job.name, error: 'low' }), 4)
      await until(subject, () => done.length === 5)
      const startedAt = subject.clock.now()
      let finished = false
      const redriven = queue.dead.redrive({ name: job.name }, { perSecond: 5 }).finally(() => (finished = true))
      await until(subject, () => finished, { stepMs: 100 })
      assert.equal(await redriven, 20)
      const tookMs = subject.clock.now() - startedAt
      assert.ok(tookMs >= 3_000 && tookMs <= 4_500, `20 at 5 a second took ${tookMs} ms`)
      await until(subject, () => done.length === 25)
      assert.ok(await empty(queue, job.name))
      await assert.rejects(queue.dead.redrive({}, { perSecond: 0 }), (error) => PortError.is(error, 'INVALID_ARGUMENT'))
    },
  },
  {
    id: 'Q35',
    title: 'a redriven job is validated again: by the schema of today',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const name = `${subject.run}.v`
      const loose = defineJob(name, { input: z.object({ n: z.number() }) })
      const strict = defineJob(name, { input: z.object({ n: z.number().max(10) }) })
      const first = queue.work([
        handle(loose, () => {
          throw discard('first')
        }),
      ])
      await queue.enqueueMany([
        { job: loose, input: { n: 5 } },
        { job: loose, input: { n: 50 } },
      ])
      await until(subject, async () => (await queue.stats(name)).dead === 2)
      await first.close()
      const seen: number[] = []
      queue.work([handle(strict, ({ n }) => void seen.push(n))])
      assert.equal(await queue.dead.redrive({ name }), 2)
      await until(subject, async () => (await queue.stats(name)).dead === 1 && seen.length === 1)
      const [invalid] = await all(queue.dead.list({ name }))
      assert.deepEqual([seen, invalid?.reason, invalid?.input], [[5], 'invalid', { n: 50 }])
    },
  },
  {
    id: 'Q36',
    title: 'a redriven job keeps its id, input, headers and enqueue time; its attempt is 1 again',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 2, firstMs: 5 } })
      const seen: unknown[] = []
      let broken = true
      queue.work([
        handle(job, (input, { id, attempt, headers, enqueuedAt }) => {
          seen.push({ input, id, attempt, headers, at: enqueuedAt.getTime() })
          if (broken) throw new Error('no')
        }),
      ])
      await queue.enqueue(job, { n: 9 }, { headers: { a: '1' } })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1)
      broken = false
      await queue.dead.redrive({ name: job.name })
      await until(subject, () => empty(queue, job.name))
      assert.equal(seen.length, 3)
      assert.deepEqual(seen[2], seen[0])
    },
  },
  {
    id: 'Q37',
    title: 'discard deletes what the query names and tells how many',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      queue.work([
        handle(job, ({ n }) => {
          throw new Error(`failure of ${n}`)
        }),
      ])
      await queue.enqueueMany(range(5).map((n) => ({ job, input: { n } })))
      await until(subject, async () => (await queue.stats(job.name)).dead === 5)
      assert.equal(await queue.dead.discard({ name: job.name, error: 'failure of 3' }), 1)
      assert.equal(await queue.dead.discard({ name: job.name, error: 'failure of 3' }), 0)
      assert.equal(await queue.dead.discard({ name: job.name }), 4)
      assert.ok(await empty(queue, job.name))
    },
  },
  {
    id: 'Q38',
    title: 'a death is told as an event, and shows in the depth',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      queue.work([
        handle(job, () => {
          throw new Error('gone')
        }),
      ])
      const { id } = await queue.enqueue(job, { n: 1 })
      await until(subject, () => events.some(({ type }) => type === 'dead'))
      const death = events.find(({ type }) => type === 'dead')
      assert.deepEqual(death, { type: 'dead', id, name: job.name, attempt: 1, reason: 'exhausted', errors: ['Error: gone'] })
      assert.equal((await queue.stats(job.name)).dead, 1)
    },
  },
  {
    id: 'Q39',
    title: "a key's dead job lets the key go on; redriven it joins the end of the line",
    needs: ['fifo'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 }, key: () => 'one' })
      const seen: number[] = []
      const hold = deferred()
      let broken = true
      queue.work([
        handle(job, async ({ n }) => {
          if (n === 0 && broken) throw new Error('no')
          if (n === 1) await hold.promise
          seen.push(n)
        }),
      ])
      for (const n of range(3)) await queue.enqueue(job, { n })
      await until(subject, async () => {
        const stats = await queue.stats(job.name)
        return stats.dead === 1 && stats.inFlight === 1
      })
      broken = false
      await queue.dead.redrive({ name: job.name })
      hold.resolve()
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, [1, 2, 0])
    },
  },
]
