import assert from 'node:assert/strict'
import { handle, PortError } from '@pdvend/ports'
import { empty, type JobCase, jobOf, openQueue, pass, until } from './rig.js'

const DAY_MS = 86_400_000

/** Q57, Q58: not before its time, and not much later. */
export const time: readonly JobCase[] = [
  {
    id: 'Q57',
    title: 'delays of 0, 1 s, 16 min and 30 days, and a past date, are kept to the moment',
    needs: ['delay'],
    engine: ['fakeClock'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const waits = [0, 1_000, 960_000, 30 * DAY_MS]
      const start = subject.clock.now()
      const ranAt = new Map<number, number>()
      queue.work([handle(job, ({ n }) => void ranAt.set(n, subject.clock.now() - start))])
      await queue.enqueue(job, { n: -1 }, { runAt: new Date(start - DAY_MS) })
      await queue.enqueue(job, { n: -2 }, { runAt: new Date(start + 5_000) })
      for (const [n, delayMs] of waits.entries()) await queue.enqueue(job, { n }, { delayMs })
      await until(subject, () => ranAt.has(0) && ranAt.has(-1), { withinMs: 500, stepMs: 50 })
      assert.ok(!ranAt.has(1))
      await until(subject, () => ranAt.has(1) && ranAt.has(-2), { withinMs: 10_000 })
      await until(subject, () => ranAt.has(2), { withinMs: 1_000_000, stepMs: 1_000 })
      await subject.fakeClock.advance(29 * DAY_MS)
      assert.ok(!ranAt.has(3))
      await until(subject, () => ranAt.has(3), { withinMs: 2 * DAY_MS, stepMs: 60_000 })
      for (const [n, delayMs] of [...waits.entries(), [-2, 5_000] as const]) {
        const late = ranAt.get(n)! - delayMs
        assert.ok(late >= 0 && late <= 60_000, `delay ${delayMs} was off by ${late} ms`)
      }
    },
  },
  {
    id: 'Q57.1',
    title: 'delayed jobs count as delayed, run in the order of their times, and nothing runs early',
    needs: ['delay'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const early: number[] = []
      const seen: number[] = []
      const dueAt = new Map<number, number>()
      // In one call, with delays that outlast it where an engine is slow to begin with, and apart by more than the second by which some count.
      const delays = [3_200, 800, 4_400, 2_000]
      for (const n of delays) dueAt.set(n, subject.clock.now() + n)
      await queue.enqueueMany(delays.map((n) => ({ job, input: { n }, delayMs: n })))
      assert.equal((await queue.stats(job.name)).delayed, 4)
      queue.work(
        [
          handle(job, ({ n }) => {
            if (subject.clock.now() < dueAt.get(n)!) early.push(n)
            seen.push(n)
          }),
        ],
        { concurrency: 1 },
      )
      await until(subject, () => empty(queue, job.name), { stepMs: 50 })
      assert.deepEqual([seen, early], [delays.toSorted((a, b) => a - b), []])
    },
  },
  {
    id: 'Q58',
    title: 'a delayed job survives a restart of the app, its time unchanged',
    needs: ['delay'],
    async run(subject) {
      const first = await subject.open()
      const job = jobOf(subject)
      const start = subject.clock.now()
      const { id } = await first.enqueue(job, { n: 1 }, { delayMs: 800 })
      await first.close()
      const { queue } = await openQueue(subject)
      const seen: [string, number][] = []
      queue.work([handle(job, (_, context) => void seen.push([context.id, subject.clock.now() - start]))])
      await until(subject, () => seen.length === 1, { stepMs: 50 })
      assert.equal(seen[0]![0], id)
      assert.ok(seen[0]![1] >= 800)
    },
  },
  {
    id: 'Q58.1',
    title: 'a retry that waits survives a restart of the app, its attempt kept',
    async run(subject) {
      const first = await openQueue(subject)
      const job = jobOf(subject, { retry: { firstMs: 100, maxMs: 100 } })
      first.queue.work([
        handle(job, () => {
          throw new PortError('UNAVAILABLE', { detail: 'printer', retryAfterMs: 700 })
        }),
      ])
      await first.queue.enqueue(job, { n: 1 })
      await until(subject, () => first.events.some(({ type }) => type === 'retried'))
      assert.equal((await first.queue.stats(job.name)).delayed, 1)
      assert.ok(
        first.events.some((event) => event.type === 'retried' && event.delayMs === 700),
        "an error's retryAfterMs is the least wait",
      )
      await first.queue.close()
      const { queue } = await openQueue(subject)
      const seen: number[] = []
      queue.work([handle(job, (_, { attempt }) => void seen.push(attempt))])
      await until(subject, () => seen.length === 1)
      assert.deepEqual(seen, [2])
      await pass(subject, 1)
    },
  },
]
