import assert from 'node:assert/strict'
import { handle, type JobDriver, PortError, type Settlement, type Worker } from '@pdvend/ports'
import { deferred, empty, type Gate, type JobCase, jobOf, openQueue, pass, range, until } from './rig.js'

/** Counts the calls that reach the driver. */
function counting(calls: Map<string, number>): (driver: JobDriver) => unknown {
  return (driver) =>
    new Proxy(driver, {
      get(target, field) {
        const value: unknown = Reflect.get(target, field)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          calls.set(String(field), (calls.get(String(field)) ?? 0) + 1)
          return (value as (...a: unknown[]) => unknown).apply(target, args)
        }
      },
    })
}

/** Q65 to Q69: how much at once, and who waits for whom. */
export const flow: readonly JobCase[] = [
  {
    id: 'Q65',
    title: 'concurrency is reached, never exceeded, and may be raised and lowered live',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const gates = new Map<number, Gate>()
      let most = 0
      const worker: Worker = queue.work(
        [
          handle(job, async ({ n }) => {
            most = Math.max(most, worker.running)
            const gate = deferred()
            gates.set(n, gate)
            await gate.promise
            gates.delete(n)
          }),
        ],
        { concurrency: 3 },
      )
      const finish = (): void => gates.values().next().value?.resolve()
      await queue.enqueueMany(range(30).map((n) => ({ job, input: { n } })))
      await until(subject, () => worker.running === 3)
      await pass(subject, 200)
      assert.equal(most, 3)
      worker.concurrency = 8
      await until(subject, () => worker.running === 8)
      worker.concurrency = 2
      for (const _ of range(7)) {
        finish()
        await pass(subject, 10)
      }
      await until(subject, () => worker.running === 2)
      most = 0
      await until(subject, async () => {
        finish()
        return empty(queue, job.name)
      })
      assert.ok(most <= 2, `${most} at once`)
      for (const bad of [0, 1.5, Number.NaN, 10_001])
        assert.throws(
          () => void (worker.concurrency = bad),
          (error) => PortError.is(error, 'INVALID_ARGUMENT'),
        )
    },
  },
  {
    id: 'Q66',
    title: 'a slow handler stops the fetching: leases stay within concurrency plus prefetch',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const go = deferred()
      const worker = queue.work([handle(job, () => go.promise)], { concurrency: 2, prefetch: 3 })
      await queue.enqueueMany(range(20).map((n) => ({ job, input: { n } })))
      await until(subject, async () => (await queue.stats(job.name)).inFlight === 5)
      await pass(subject, 200)
      assert.equal((await queue.stats(job.name)).inFlight, 5)
      assert.equal(worker.running, 2)
      go.resolve()
      await until(subject, () => empty(queue, job.name))
    },
  },
  {
    id: 'Q67',
    title: 'one job that takes very long does not hold back 1,000 short ones',
    timeoutMs: 60_000,
    async run(subject) {
      const { queue } = await openQueue(subject)
      const job = jobOf(subject)
      const go = deferred()
      let short = 0
      queue.work(
        [
          handle(job, async ({ n }) => {
            if (n === 0) await go.promise
            else short++
          }),
        ],
        { concurrency: 2 },
      )
      await queue.enqueueMany(range(1_001).map((n) => ({ job, input: { n } })))
      await until(subject, () => short === 1_000, { stepMs: 1 })
      assert.ok((await queue.stats(job.name)).inFlight >= 1)
      go.resolve()
      await until(subject, () => empty(queue, job.name))
    },
  },
  {
    id: 'Q67.1',
    title: 'a worker with nothing to do asks the engine next to nothing',
    async run(subject) {
      const calls = new Map<string, number>()
      const { queue } = await openQueue(subject, { wrap: counting(calls) as never })
      const job = jobOf(subject)
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))])
      await pass(subject, 100)
      calls.clear()
      // A minute where time is ours, else as much of it as one can wait for: who polls, or spins, is found out in either.
      const seconds = subject.engine.clock === 'fake' ? 60 : 3
      for (const _ of range(seconds)) await pass(subject, 1_000)
      const total = [...calls.values()].reduce((sum, count) => sum + count, 0)
      assert.ok(total <= 10, `${seconds} seconds of nothing made ${total} calls: ${JSON.stringify([...calls])}`)
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => seen.length === 1, { withinMs: 100, stepMs: 10 })
    },
  },
  {
    id: 'Q67.2',
    title: 'a job enqueued by another connection wakes a waiting worker at once, no poll awaited',
    engine: ['fakeClock'],
    async run(subject) {
      const { queue } = await openQueue(subject)
      const other = await subject.open()
      const job = jobOf(subject)
      const seen: number[] = []
      queue.work([handle(job, ({ n }) => void seen.push(n))])
      await pass(subject, 10)
      await other.enqueue(job, { n: 1 })
      // The clock stands still: only a wake-up can do it.
      await until(subject, () => seen.length === 1, { real: true })
    },
  },
  {
    id: 'Q69',
    title: 'pause stops the start of jobs, resume goes on; what runs ends as usual',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject)
      const go = deferred()
      const started: number[] = []
      queue.work(
        [
          handle(job, async ({ n }) => {
            started.push(n)
            if (n === 0) await go.promise
          }),
        ],
        { concurrency: 1, prefetch: 2 },
      )
      await queue.enqueue(job, { n: 0 })
      await until(subject, () => started.length === 1)
      for (const n of [1, 2, 3]) await queue.enqueue(job, { n })
      await until(subject, async () => (await queue.stats(job.name)).inFlight === 3)
      await queue.pause()
      assert.equal((await queue.stats(job.name)).inFlight, 1, 'what was only prefetched is given back')
      go.resolve()
      await until(subject, () => events.some(({ type }) => type === 'done'))
      await pass(subject, 500)
      assert.deepEqual(started, [0])
      await queue.resume()
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(started.toSorted(), [0, 1, 2, 3])
    },
  },
  {
    id: 'Q69.1',
    title: 'an engine that fails for a while is asked again with backoff; no job is lost, none is settled unheard',
    async run(subject) {
      let failures = 0
      const settled: Settlement['kind'][] = []
      const wrap = (driver: JobDriver): unknown =>
        new Proxy(driver, {
          get(target, field) {
            const value: unknown = Reflect.get(target, field)
            if (typeof value !== 'function' || (field !== 'receive' && field !== 'settle')) return value
            return async (...args: unknown[]): Promise<unknown> => {
              if (failures < 6 && subject.random() < 0.5) {
                failures++
                throw new PortError('UNAVAILABLE', { detail: 'injected', outcome: 'not-applied' })
              }
              if (field === 'settle') settled.push((args[1] as Settlement).kind)
              return (value as (...a: unknown[]) => unknown).apply(target, args)
            }
          },
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never })
      const job = jobOf(subject)
      const seen = new Set<number>()
      queue.work([handle(job, ({ n }) => void seen.add(n))], { concurrency: 2 })
      for (const n of range(20)) await queue.enqueue(job, { n })
      await until(subject, () => empty(queue, job.name))
      assert.equal(seen.size, 20)
      assert.ok(settled.every((kind) => kind === 'done'))
    },
  },
]
