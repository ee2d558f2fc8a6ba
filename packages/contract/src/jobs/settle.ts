import assert from 'node:assert/strict'
import { handle, type JobDriver, type Lease, PortError, systemClock } from '@pdvend/ports'
import { deferred, empty, type JobCase, jobOf, type JobSubject, openQueue, pass, until } from './rig.js'

const receiving = (name: string, leaseMs = 5_000) => ({ names: [name], max: 1, waitMs: 1, leaseMs, signal: AbortSignal.timeout(30_000) })
const call = () => ({ signal: AbortSignal.timeout(30_000) })

/** The next lease, time moving on while it is waited for. */
async function nextLease(subject: JobSubject, driver: JobDriver, name: string, leaseMs?: number): Promise<Lease> {
  let found: Lease | undefined
  let asking = false
  await until(subject, () => {
    if (!asking && found === undefined) {
      asking = true
      void driver.receive(receiving(name, leaseMs)).then((leases) => {
        found ??= leases[0]
        asking = false
      })
    }
    return found !== undefined
  })
  return found!
}

const lost = (error: unknown): boolean => PortError.is(error, 'LEASE_LOST')

/** Q14 to Q22: how a run ends, and what holds while it lasts. */
export const settle: readonly JobCase[] = [
  {
    id: 'Q14',
    title: 'a handler that returns is done: not delivered again, nothing left',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject)
      let runs = 0
      queue.work([handle(job, () => void runs++)])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => empty(queue, job.name))
      await pass(subject, 120_000 * Number(subject.engine.clock === 'fake'))
      assert.equal(runs, 1)
      // A worker may be told of it before the answer to who put it in has arrived.
      const told = events.map(({ type }) => type)
      assert.deepEqual([told.toSorted(), told.at(-1)], [['done', 'enqueued', 'started'], 'done'])
    },
  },
  {
    id: 'Q14.1',
    title: 'a job is settled after its handler has ended, never before',
    async run(subject) {
      const order: string[] = []
      const wrap = (driver: JobDriver): unknown =>
        new Proxy(driver, {
          get: (target, field) =>
            field !== 'settle'
              ? (Reflect.get(target, field) as unknown)
              : (...args: Parameters<JobDriver['settle']>) => {
                  order.push('settle')
                  return target.settle(...args)
                },
        })
      const { queue } = await openQueue(subject, { wrap: wrap as never })
      const job = jobOf(subject)
      const go = deferred()
      queue.work([
        handle(job, async () => {
          order.push('start')
          await go.promise
          order.push('end')
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => order.length > 0)
      await pass(subject, 200)
      assert.equal((await queue.stats(job.name)).inFlight, 1, 'still leased while it runs')
      go.resolve()
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(order, ['start', 'end', 'settle'])
    },
  },
  {
    id: 'Q15',
    title: 'a handler that throws is run again',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject, { retry: { firstMs: 10 } })
      let runs = 0
      queue.work([
        handle(job, () => {
          if (++runs < 3) throw new Error('not yet')
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => empty(queue, job.name))
      assert.equal(runs, 3)
      assert.equal(events.filter(({ type }) => type === 'retried').length, 2)
    },
  },
  {
    id: 'Q16',
    title: 'settling twice is refused and changes nothing',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const driver = await subject.driver()
      const job = jobOf(subject)
      await queue.enqueue(job, { n: 1 })
      const lease = await nextLease(subject, driver, job.name)
      await driver.settle(lease, { kind: 'done' }, call())
      await assert.rejects(driver.settle(lease, { kind: 'retry', delayMs: 0, errors: [] }, call()), lost)
      await assert.rejects(driver.settle(lease, { kind: 'dead', reason: 'discarded', errors: [] }, call()), lost)
      await assert.rejects(driver.extend(lease, 5_000, call()), lost)
      assert.ok(await empty(queue, job.name))
    },
  },
  {
    id: 'Q17',
    title: 'a late settle is fenced: LEASE_LOST, and the new holder is not touched',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const driver = await subject.driver()
      const other = await subject.driver()
      const job = jobOf(subject)
      await queue.enqueue(job, { n: 1 })
      const late = await nextLease(subject, driver, job.name, 1_000)
      const fresh = await nextLease(subject, other, job.name, 600_000)
      assert.equal(fresh.job.id, late.job.id)
      assert.equal(fresh.crashes, 1)
      assert.equal(fresh.attempt, 1)
      for (const settlement of [
        { kind: 'done' },
        { kind: 'release', delayMs: 0 },
        { kind: 'retry', delayMs: 0, errors: [] },
        { kind: 'dead', reason: 'discarded', errors: [] },
      ] as const)
        await assert.rejects(driver.settle(late, settlement, call()), lost)
      await assert.rejects(driver.extend(late, 5_000, call()), lost)
      assert.deepEqual(await queue.stats(job.name), { ready: 0, delayed: 0, inFlight: 1, dead: 0, oldestAgeMs: 0 })
      await other.settle(fresh, { kind: 'done' }, call())
      assert.ok(await empty(queue, job.name))
    },
  },
  {
    id: 'Q17.1',
    title: 'settling one job leaves earlier ones that still run alone',
    async run(subject) {
      const { queue, events } = await openQueue(subject)
      const job = jobOf(subject)
      const go = deferred()
      let firstRuns = 0
      queue.work(
        [
          handle(job, async ({ n }) => {
            if (n !== 0) return
            firstRuns++
            await go.promise
            throw new Error('fails at the end')
          }),
        ],
        { concurrency: 4 },
      )
      await queue.enqueue(job, { n: 0 })
      // It is the earlier one for sure, whatever order the engine keeps.
      await until(subject, () => firstRuns === 1)
      for (const n of [1, 2, 3]) await queue.enqueue(job, { n })
      await until(subject, () => events.filter(({ type }) => type === 'done').length === 3)
      assert.equal((await queue.stats(job.name)).inFlight, 1, 'the earlier one is still held')
      go.resolve()
      await until(subject, () => firstRuns > 1)
    },
  },
  {
    id: 'Q18',
    title: 'a released job is visible at once, or after its delay, its attempt not counted',
    async run(subject) {
      const { queue } = await openQueue(subject)
      const driver = await subject.driver()
      const job = jobOf(subject)
      await queue.enqueue(job, { n: 1 })
      await driver.settle(await nextLease(subject, driver, job.name), { kind: 'release', delayMs: 0 }, call())
      const again = await nextLease(subject, driver, job.name)
      assert.deepEqual([again.attempt, again.crashes], [1, 0])
      const at = subject.clock.now()
      await driver.settle(again, { kind: 'release', delayMs: 400 }, call())
      assert.equal((await queue.stats(job.name)).delayed, 1)
      const late = await nextLease(subject, driver, job.name)
      assert.ok(subject.clock.now() - at >= 400)
      assert.equal(late.attempt, 1)
      await driver.settle(late, { kind: 'done' }, call())
    },
  },
  {
    id: 'Q19',
    title: 'kill -9 of a worker: its job runs again when the lease is over, at no attempt',
    engine: ['processes'],
    timeoutMs: 60_000,
    async run(subject) {
      const { queue } = await openQueue(subject, { clock: systemClock })
      const job = jobOf(subject)
      const { id } = await queue.enqueue(job, { n: 1 })
      const child = subject.spawn(new URL('./child-worker.js', import.meta.url), { names: [job.name], leaseMs: 1_000, hang: true })
      await child.message((message) => (message as { id?: string }).id === id)
      await child.kill()
      const seen: number[] = []
      const killedAt = Date.now()
      queue.work([handle(job, (_, { attempt }) => void seen.push(attempt))])
      await until(subject, () => seen.length === 1, { real: true })
      assert.deepEqual(seen, [1])
      assert.ok(Date.now() - killedAt < 15_000, 'within the lease and a moment')
    },
  },
  {
    id: 'Q20',
    title: 'the lease is renewed while the handler runs five times as long: nobody else gets the job',
    async run(subject) {
      const { queue, events } = await openQueue(subject, { face: { leaseMs: 600 } })
      const other = await subject.open({ face: { leaseMs: 600 } })
      const job = jobOf(subject)
      const go = deferred()
      let runs = 0
      const handler = handle(job, async () => {
        runs++
        await go.promise
      })
      queue.work([handler])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => runs === 1)
      other.work([handler])
      for (let step = 0; step < 30; step++) await pass(subject, 100)
      assert.equal(runs, 1)
      go.resolve()
      await until(subject, () => empty(queue, job.name))
      assert.equal(runs, 1)
      assert.ok(events.every(({ type }) => type !== 'lost'))
    },
  },
  {
    id: 'Q21',
    title: 'a worker that stood still longer than its lease is fenced: another finishes, the late result has no effect',
    engine: ['fakeClock'],
    async run(subject) {
      const { queue, events } = await openQueue(subject, { face: { leaseMs: 1_000 } })
      const other = await openQueue(subject, { face: { leaseMs: 1_000 } })
      const job = jobOf(subject)
      const go = deferred()
      const aborted: unknown[] = []
      queue.work([
        handle(job, async (_, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(signal.reason))
          await go.promise
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => events.some(({ type }) => type === 'started'))
      await queue.pause()
      // The event loop was blocked: time has passed and no timer fired.
      subject.fakeClock.set(subject.clock.now() + 5_000)
      let crashes = 0
      other.queue.work([handle(job, () => void crashes++)])
      await until(subject, () => crashes === 1)
      go.resolve()
      await until(subject, () => events.some(({ type }) => type === 'lost'))
      await until(subject, () => empty(queue, job.name))
      assert.equal(crashes, 1)
      assert.ok(other.events.some(({ type }) => type === 'done'))
      assert.ok(aborted.length === 0 || PortError.is(aborted[0], 'LEASE_LOST'))
    },
  },
  {
    id: 'Q22',
    title: 'the signal aborts on timeout, on lease loss and on drain, each with its reason',
    engine: ['fakeClock'],
    async run(subject) {
      const reasons: Record<string, string> = {}
      const opened = await openQueue(subject, { face: { leaseMs: 1_000 } })
      const { queue } = opened
      const job = jobOf(subject, { timeoutMs: 2_000, retry: { maxAttempts: 1 } })
      const untilAborted = (label: string) =>
        handle(
          job,
          (_, { signal }) =>
            new Promise((__, reject) =>
              signal.addEventListener('abort', () =>
                reject(((reasons[label] = (signal.reason as PortError).code), signal.reason as Error)),
              ),
            ),
        )

      const timed = queue.work([untilAborted('timeout')])
      await queue.enqueue(job, { n: 1 })
      await until(subject, async () => (await queue.stats(job.name)).dead === 1)
      await timed.close()
      assert.equal(await queue.dead.discard({ name: job.name }), 1)

      const losing = queue.work([untilAborted('lease')], { concurrency: 1 })
      await queue.enqueue(job, { n: 2 })
      await until(subject, () => losing.running === 1)
      const thief = await subject.driver()
      subject.fakeClock.set(subject.clock.now() + 1_500)
      const stolen = await nextLease(subject, thief, job.name, 60_000)
      await until(subject, () => 'lease' in reasons)
      await thief.settle(stolen, { kind: 'done' }, call())
      await losing.close()

      const draining = queue.work([untilAborted('drain')])
      await queue.enqueue(job, { n: 3 })
      await until(subject, () => draining.running === 1)
      await draining.close({ drainMs: 0 })
      assert.deepEqual(reasons, { timeout: 'DEADLINE_EXCEEDED', lease: 'LEASE_LOST', drain: 'CANCELED' })
    },
  },
  {
    id: 'Q22.1',
    title: 'extend moves the deadline and the lease; deadline tells it',
    engine: ['fakeClock'],
    async run(subject) {
      const { queue, events } = await openQueue(subject, { face: { leaseMs: 1_000 } })
      const job = jobOf(subject, { timeoutMs: 2_000 })
      const go = deferred()
      const moved: number[] = []
      queue.work([
        handle(job, async (_, context) => {
          moved.push(context.deadline.getTime() - subject.clock.now())
          await context.extend(10_000)
          moved.push(context.deadline.getTime() - subject.clock.now())
          await go.promise
        }),
      ])
      await queue.enqueue(job, { n: 1 })
      await until(subject, () => moved.length === 2)
      assert.deepEqual(moved, [2_000, 10_000])
      await pass(subject, 6_000)
      go.resolve()
      await until(subject, () => empty(queue, job.name))
      assert.deepEqual(
        events.map(({ type }) => type),
        ['enqueued', 'started', 'done'],
      )
    },
  },
]
