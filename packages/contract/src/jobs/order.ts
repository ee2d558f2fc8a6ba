import assert from 'node:assert/strict'
import { handle, systemClock } from '@pdvend/ports'
import { deferred, empty, type JobCase, jobOf, numbered, openQueue, pass, range, until } from './rig.js'
import { defineJob } from '@pdvend/ports'

/** Q40 to Q46: order within a key, none between keys, priority without starvation. */
export const order: readonly JobCase[] = [
  {
    id: 'Q40',
    title: 'jobs of one key run strictly in order, one at a time, with 10 workers',
    needs: ['fifo'],
    timeoutMs: 60_000,
    async run(subject) {
      const queues = await Promise.all(range(3).map(() => subject.open()))
      const job = jobOf(subject, { key: ({ n }) => `key-${n % 4}` })
      const seen = new Map<number, number[]>()
      const running = new Set<number>()
      const overlaps: number[] = []
      const handler = handle(job, async ({ n }) => {
        const lane = n % 4
        if (running.has(lane)) overlaps.push(n)
        running.add(lane)
        await new Promise((resolve) => setImmediate(resolve))
        seen.set(lane, [...(seen.get(lane) ?? []), n])
        running.delete(lane)
      })
      for (const n of range(200)) await queues[n % 3]!.enqueue(job, { n })
      for (const at of range(10)) queues[at % 3]!.work([handler], { concurrency: 3 })
      await until(subject, () => empty(queues[0]!, job.name), { stepMs: 10 })
      assert.deepEqual(overlaps, [])
      for (const lane of range(4))
        assert.deepEqual(
          seen.get(lane),
          range(200).filter((n) => n % 4 === lane),
        )
    },
  },
  {
    id: 'Q41',
    title: 'different keys run side by side',
    needs: ['fifo'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { key: ({ n }) => `key-${n}` })
      const go = deferred()
      const worker = queue.work([handle(job, () => go.promise)], { concurrency: 20 })
      for (const n of range(20)) await queue.enqueue(job, { n })
      await until(subject, () => worker.running === 20)
      go.resolve()
      await until(subject, () => empty(queue, job.name))
    },
  },
  {
    id: 'Q42',
    title: 'order is kept while the head retries',
    needs: ['fifo'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { key: () => 'one', retry: { maxAttempts: 5, firstMs: 50, maxMs: 100 } })
      const seen: string[] = []
      queue.work([
        handle(job, ({ n }, { attempt }) => {
          seen.push(`${n}.${attempt}`)
          if (n === 0 && attempt < 4) throw new Error('not yet')
        }),
      ])
      for (const n of range(3)) await queue.enqueue(job, { n })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, ['0.1', '0.2', '0.3', '0.4', '1.1', '2.1'])
    },
  },
  {
    id: 'Q42.1',
    title: "a key's delayed head keeps the later ones waiting; priority does not overtake within a key",
    needs: ['fifo', 'delay', 'priority'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { key: () => 'one' })
      const seen: number[] = []
      // A delay that outlasts the call, where an engine is slow to begin with.
      await queue.enqueueMany([
        { job, input: { n: 0 }, delayMs: 2_000 },
        { job, input: { n: 1 } },
        { job, input: { n: 2 }, priority: 100 },
      ])
      queue.work([handle(job, ({ n }) => void seen.push(n))])
      await pass(subject, 100)
      assert.deepEqual(seen, [])
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, [0, 1, 2])
    },
  },
  {
    id: 'Q43',
    title: 'after a dead letter the key continues with the next job',
    needs: ['fifo'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { key: () => 'one', retry: { maxAttempts: 2, firstMs: 10 } })
      const seen: number[] = []
      queue.work([
        handle(job, ({ n }) => {
          if (n === 1) throw new Error('never')
          seen.push(n)
        }),
      ])
      for (const n of range(4)) await queue.enqueue(job, { n })
      await until(subject, async () => seen.length === 3 && (await queue.stats(job.name)).dead === 1)
      assert.deepEqual(seen, [0, 2, 3])
    },
  },
  {
    id: 'Q44',
    title: 'a slow key does not delay other keys',
    needs: ['fifo'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject, { key: ({ n }) => (n < 50 ? 'slow' : `fast-${n % 5}`) })
      const go = deferred()
      const seen: number[] = []
      queue.work(
        [
          handle(job, async ({ n }) => {
            if (n < 50) await go.promise
            seen.push(n)
          }),
        ],
        { concurrency: 2 },
      )
      for (const n of range(100)) await queue.enqueue(job, { n })
      await until(subject, () => seen.length === 50)
      assert.ok(seen.every((n) => n >= 50))
      go.resolve()
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen.slice(50), range(50))
    },
  },
  {
    id: 'Q45',
    title: 'workers come and go in other processes, one is killed: no key runs twice at once, order holds',
    needs: ['fifo'],
    engine: ['processes'],
    timeoutMs: 120_000,
    async run(subject) {
      const { queue } = await openQueue(subject, { clock: systemClock })
      const name = `${subject.run}.handover`
      const job = defineJob(name, { input: numbered, key: ({ n }) => `key-${n % 3}` })
      await queue.enqueueMany(range(90).map((n) => ({ job, input: { n } })))
      const start = () =>
        subject.spawn(new URL('./child-worker.js', import.meta.url), { names: [name], leaseMs: 800, takesMs: 15, concurrency: 2 })
      const [first, second] = [start(), start()]
      await first.message((message) => (message as { end?: number }).end !== undefined)
      const third = start()
      await third.message((message) => (message as { ready?: boolean }).ready === true)
      await second.kill()
      first.process.send('stop')
      await first.done()
      const fourth = start()
      await until(subject, () => empty(queue, name), { real: true })
      // Before it is ready it would not hear that it should stop.
      await fourth.message((message) => (message as { ready?: boolean }).ready === true)
      third.process.send('stop')
      fourth.process.send('stop')
      // Ended, so that all they have told is here.
      await Promise.all([third.done(), fourth.done()])
      const spans = [first, second, third, fourth]
        .flatMap(({ messages }) => messages as { n: number; start?: number; end?: number; id?: string }[])
        .filter(({ id }) => id !== undefined)
      for (const lane of range(3)) {
        const ends = spans.filter(({ n, end }) => n % 3 === lane && end !== undefined)
        const firstStarts = range(30).map((at) =>
          Math.min(...spans.filter(({ n, start: at0 }) => n === lane + at * 3 && at0 !== undefined).map(({ start: at0 }) => at0!)),
        )
        for (const [at, startAt] of firstStarts.entries()) {
          if (at === 0) continue
          const before = ends.filter(({ n }) => n === lane + (at - 1) * 3).map(({ end }) => end!)
          assert.ok(
            before.length > 0 && startAt >= Math.min(...before),
            `job ${lane + at * 3} started before the one ahead of it had ended`,
          )
        }
      }
    },
  },
  {
    id: 'Q46',
    title: 'higher priority first, equals in order',
    needs: ['priority'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const priorities = [0, -100, 5, 100, 0, 5, -1]
      for (const [n, priority] of priorities.entries()) await queue.enqueue(job, { n }, { priority })
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 1 })
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(seen, [3, 2, 5, 0, 4, 6, 1])
    },
  },
  {
    id: 'Q46.1',
    title: 'low priority is not starved: who has waited long enough goes first',
    needs: ['priority'],
    engine: ['fakeClock'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      await queue.enqueue(job, { n: -1 }, { priority: -100 })
      await pass(subject, 24 * 3_600_000)
      for (const n of range(10)) await queue.enqueue(job, { n }, { priority: 100 })
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))], { concurrency: 1 })
      await until(subject, () => empty(queue, job.name))
      assert.equal(seen[0], -1)
    },
  },
]
