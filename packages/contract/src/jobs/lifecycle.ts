import assert from 'node:assert/strict'
import { defineJob, handle, PortError, systemClock } from '@pdvend/ports'
import { deferred, empty, type JobCase, jobOf, numbered, openQueue, range, until } from './rig.js'

const worker = new URL('./child-worker.js', import.meta.url)

interface Told {
  readonly id?: string
  readonly n: number
  readonly end?: number
  readonly ready?: boolean
}

/** Q72 to Q78: coming and going without losing anything. */
export const lifecycle: readonly JobCase[] = [
  {
    id: 'Q72',
    title: 'close lets running jobs end and takes no more',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const go = deferred()
      const seen: number[] = []
      const working = queue.work(
        [
          handle(job, async ({ n }) => {
            await go.promise
            seen.push(n)
          }),
        ],
        { concurrency: 2, prefetch: 2 },
      )
      await queue.enqueueMany(range(6).map((n) => ({ job, input: { n } })))
      await until(subject, () => working.running === 2)
      const closed = working.close({ drainMs: 60_000 })
      await until(subject, async () => (await queue.stats(job.name)).ready === 4, { stepMs: 1 })
      go.resolve()
      await closed
      assert.equal(seen.length, 2)
      assert.deepEqual(await queue.stats(job.name).then(({ ready, inFlight }) => [ready, inFlight]), [4, 0])
    },
  },
  {
    id: 'Q73',
    title: 'when drainMs is over the signal aborts and the job is given back without costing an attempt',
    engine: ['fakeClock'],
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject, { retry: { maxAttempts: 1 } })
      const working = queue.work([
        handle(job, ({ n }, { signal }) =>
          n === 0
            ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
            : new Promise(() => {}),
        ),
      ])
      for (const n of [0, 1]) await queue.enqueue(job, { n })
      await until(subject, () => working.running === 2)
      const startedAt = subject.clock.now()
      let closed = false
      void working.close({ drainMs: 3_000 }).then(() => (closed = true))
      await until(subject, () => closed, { stepMs: 100 })
      const took = subject.clock.now() - startedAt
      assert.ok(took >= 3_000 && took <= 4_500, `${took} ms: drainMs and a short grace for the handler that ignores its signal`)
      assert.equal(events.filter(({ type }) => type === 'released').length, 2)
      const other = await openQueue(subject)
      const attempts: number[] = []
      other.queue.work([handle(job, (_, { attempt }) => void attempts.push(attempt))])
      await until(subject, () => attempts.length === 2)
      assert.deepEqual(attempts, [1, 1])
    },
  },
  {
    id: 'Q74',
    title: 'close is idempotent; afterwards every call is CLOSED',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const working = queue.work([handle(job, () => {})])
      await Promise.all([queue.close(), queue.close(), working.close()])
      await queue.close()
      const closed = (error: unknown): boolean => PortError.is(error, 'CLOSED')
      await assert.rejects(queue.enqueue(job, { n: 1 }), closed)
      await assert.rejects(queue.enqueueMany([{ job, input: { n: 1 } }]), closed)
      await assert.rejects(queue.stats(), closed)
      await assert.rejects(queue.pause(), closed)
      await assert.rejects(queue.dead.list().next(), closed)
      await assert.rejects(queue.dead.redrive({}), closed)
      assert.throws(() => queue.work([handle(job, () => {})]), closed)
    },
  },
  {
    id: 'Q74.1',
    title: 'a handler may still enqueue while its worker drains',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const [job, next] = [jobOf(subject), jobOf(subject, { name: 'next' })]
      const go = deferred()
      const working = queue.work([
        handle(job, async () => {
          await go.promise
          await queue.enqueue(next, { n: 2 })
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => working.running === 1)
      const closed = queue.close({ drainMs: 60_000 })
      go.resolve()
      await closed
      const { queue: later } = await openQueue(subject)
      assert.equal((await later.stats(next.name)).ready, 1)
      assert.ok(await empty(later, job.name))
    },
  },
  {
    id: 'Q75',
    title: 'after a stop everything goes on where it was',
    async run(subject) {
      const job = jobOf(subject)
      const seen: number[] = []
      for (const round of range(3)) {
        const queue = await subject.open()
        await queue.enqueueMany(range(10, round * 10).map((n) => ({ job, input: { n } })))
        const working = queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 1 })
        await until(subject, () => seen.length > round * 10 + 3, { stepMs: 1 })
        await working.close()
        await queue.close()
      }
      const { queue } = await openQueue(subject)
      queue.work([handle(job, ({ n }) => void seen.push(n))])
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(new Set(seen), new Set(range(30)))
      assert.equal(seen.length, 30)
    },
  },
  {
    id: 'Q76',
    title: '4 workers in processes of their own close at once in the middle: all 60 jobs are read in the end',
    engine: ['processes'],
    timeoutMs: 120_000,
    async run(subject) {
      const { queue } = await openQueue(subject, { clock: systemClock })
      const name = `${subject.run}.closing`
      const job = defineJob(name, { input: numbered })
      const children = range(4).map(() => subject.spawn(worker, { names: [name], takesMs: 20, concurrency: 3, leaseMs: 5_000 }))
      await Promise.all(children.map((child) => child.message((message) => (message as Told).ready === true)))
      await queue.enqueueMany(range(60).map((n) => ({ job, input: { n } })))
      await Promise.race(children.map((child) => child.message((message) => (message as Told).end !== undefined)))
      for (const child of children) child.process.send('stop')
      await Promise.all(children.map((child) => child.done()))
      const done = new Set(
        children.flatMap(({ messages }) => (messages as Told[]).filter(({ end }) => end !== undefined).map(({ n }) => n)),
      )
      assert.equal((await queue.stats(name)).ready + done.size, 60, 'what was not done is there, none of it leased')
      queue.work([handle(job, ({ n }) => void done.add(n))])
      await until(subject, () => empty(queue, name), { real: true })
      assert.equal(done.size, 60)
    },
  },
  {
    id: 'Q77',
    title: '5 rounds of start, kill -9 and start over 300 jobs lose nothing',
    engine: ['processes'],
    timeoutMs: 120_000,
    async run(subject) {
      const { queue } = await openQueue(subject, { clock: systemClock })
      const name = `${subject.run}.rounds`
      const job = defineJob(name, { input: numbered })
      const outcomes = await queue.enqueueMany(range(300).map((n) => ({ job, input: { n } })))
      assert.ok(outcomes.every(({ error }) => error === undefined))
      const done = new Set<number>()
      for (const round of range(5)) {
        const child = subject.spawn(worker, { names: [name], takesMs: 10, concurrency: 4, leaseMs: 500 })
        const some = 5 + Math.floor(subject.random() * 20)
        const ended = (): number => (child.messages as Told[]).filter(({ end }) => end !== undefined).length
        await until(subject, async () => ended() >= some || (await empty(queue, name)), { real: true })
        if (round % 2 === 0) await child.kill()
        else {
          child.process.send('stop')
          await child.done()
        }
        for (const { n, end } of child.messages as Told[]) if (end !== undefined) done.add(n)
      }
      queue.work([handle(job, ({ n }) => void done.add(n))], { concurrency: 20 })
      await until(subject, () => empty(queue, name), { real: true })
      assert.equal(done.size, 300)
    },
  },
  {
    id: 'Q78',
    title: 'the engine restarts at a third and at half of 1,000 jobs: nothing is lost',
    engine: ['restart'],
    timeoutMs: 240_000,
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const done = new Set<number>()
      await queue.enqueueMany(range(1_000).map((n) => ({ job, input: { n } })))
      queue.work([handle(job, ({ n }) => void done.add(n))])
      // A broker needs its time to come back, and its clients theirs to find it.
      const mostMs = 60_000
      for (const mark of [333, 500]) {
        await until(subject, () => done.size >= mark, { stepMs: 10, mostMs })
        await subject.engine.restart!()
      }
      await until(subject, () => empty(queue, job.name), { mostMs })
      assert.equal(done.size, 1_000)
    },
  },
]
