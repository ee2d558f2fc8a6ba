import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { FakeClock } from '@pdvend/contract'
import { type JobDriver, type Lease, newId, PortError, silentLogger } from '@pdvend/ports'
import fc from 'fast-check'
import { openLocalJobs } from '../../src/jobs/driver.js'

const LEASE_MS = 1_000
const NAME = 'a.b'
const call = { signal: new AbortController().signal }

/** What one may do to a queue, in any order. `pick` chooses among the leases in hand. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      key: fc.constantFrom('a', 'b', undefined),
      delayMs: fc.constantFrom(0, 0, 0, 300),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('claim' as const), max: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      pick: fc.nat(20),
      how: fc.constantFrom('done', 'done', 'retry', 'retryLater', 'release', 'dead'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(100, 400, 1_500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('redrive' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface ModelJob {
  readonly id: string
  readonly key: string | undefined
  dueAt: number
  attempt: number
  crashes: number
  leasedUntil: number | undefined
}

/** The queue as a list in order: what the real one must never contradict. */
class Model {
  line: ModelJob[] = []
  dead: ModelJob[] = []

  claimable(now: number): ModelJob[] {
    const heads = new Set<string>()
    return this.line.filter((job) => {
      const free = (job.leasedUntil ?? 0) <= now && job.dueAt <= now
      if (job.key === undefined) return free
      if (heads.has(job.key)) return false
      heads.add(job.key)
      return free
    })
  }
}

async function play(driver: JobDriver, clock: FakeClock, steps: readonly Step[]): Promise<void> {
  const model = new Model()
  const hand: Lease[] = []
  const claim = async (max: number): Promise<void> => {
    const now = clock.now()
    const allowed = model.claimable(now)
    const leases = await driver.receive({ names: [NAME], max, waitMs: 0, leaseMs: LEASE_MS, ...call })
    expect(leases).toHaveLength(Math.min(max, allowed.length))
    for (const lease of leases) {
      const job = allowed.find(({ id }) => id === lease.job.id)
      if (job === undefined) throw new Error(`handed out ${lease.job.id}, which is blocked, leased, not due or gone`)
      if (job.leasedUntil !== undefined) job.crashes++
      job.leasedUntil = now + LEASE_MS
      expect([lease.attempt, lease.crashes]).toEqual([job.attempt, job.crashes])
      hand.push(lease)
    }
  }
  const settle = async (pick: number, how: string): Promise<void> => {
    if (hand.length === 0) return
    const [lease] = hand.splice(pick % hand.length, 1)
    const job = model.line.find(({ id }) => id === lease!.job.id)
    const now = clock.now()
    const mine = job !== undefined && job.leasedUntil === lease!.expiresAt && now < lease!.expiresAt
    const settlement =
      how === 'done'
        ? ({ kind: 'done' } as const)
        : how === 'dead'
          ? ({ kind: 'dead', reason: 'discarded', errors: [] } as const)
          : how === 'release'
            ? ({ kind: 'release', delayMs: 0 } as const)
            : ({ kind: 'retry', delayMs: how === 'retry' ? 0 : 300, errors: [] } as const)
    const refused = await driver.settle(lease!, settlement, call).then(
      () => false,
      (error: unknown) => {
        if (!PortError.is(error, 'LEASE_LOST')) throw error
        return true
      },
    )
    if (!mine) {
      expect(refused).toBe(true)
      return
    }
    expect(refused).toBe(false)
    job.leasedUntil = undefined
    if (settlement.kind === 'retry') {
      job.attempt++
      job.crashes = 0
      job.dueAt = Math.ceil(now + settlement.delayMs)
    } else if (settlement.kind !== 'release') {
      model.line.splice(model.line.indexOf(job), 1)
      if (settlement.kind === 'dead') model.dead.push(job)
    }
  }

  for (const each of steps) {
    const now = clock.now()
    if (each.do === 'enqueue') {
      const job: ModelJob = { id: newId(now), key: each.key, dueAt: now + each.delayMs, attempt: 1, crashes: 0, leasedUntil: undefined }
      model.line.push(job)
      const { key } = each
      await driver.enqueue(
        [
          {
            id: job.id,
            name: NAME,
            payload: Uint8Array.of(1),
            dueAt: job.dueAt,
            enqueuedAt: now,
            priority: 0,
            ...(key === undefined ? {} : { key }),
          },
        ],
        call,
      )
    } else if (each.do === 'claim') await claim(each.max)
    else if (each.do === 'settle') await settle(each.pick, each.how)
    else if (each.do === 'crash') hand.splice(0)
    else if (each.do === 'wait') clock.set(now + each.ms)
    else {
      await driver.redriveDead(
        model.dead.map(({ id }) => id),
        call,
      )
      for (const job of model.dead.splice(0)) model.line.push({ ...job, attempt: 1, crashes: 0, dueAt: now, leasedUntil: undefined })
    }
  }
  // Whatever happened, everything that is left comes out, each key in its order, and then nothing is left.
  clock.set(clock.now() + 10_000)
  hand.splice(0)
  const order = new Map<string, string[]>()
  const left = model.line.map(({ id }) => id)
  const came: string[] = []
  for (;;) {
    await claim(50)
    if (hand.length === 0) break
    for (const { job } of hand) {
      came.push(job.id)
      if (job.key !== undefined) order.set(job.key, [...(order.get(job.key) ?? []), job.id])
    }
    while (hand.length > 0) await settle(0, 'done')
  }
  expect(came.toSorted()).toEqual(left.toSorted())
  for (const ids of order.values()) expect(ids).toEqual(left.filter((id) => ids.includes(id)))
  expect(await driver.stats(undefined, call)).toMatchObject({ ready: 0, delayed: 0, inFlight: 0, dead: model.dead.length })
}

test('any interleaving of enqueue, claim, settle, crash, time and redrive behaves as the model: order, exclusion, attempts, fencing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const directory = mkdtempSync(join(tmpdir(), 'pdvend-model-'))
      const clock = new FakeClock()
      const driver = await openLocalJobs({ directory }, { clock, log: silentLogger, signal: call.signal })
      try {
        await play(driver, clock, steps)
      } finally {
        await driver.close()
        rmSync(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: 40 },
  )
}, 120_000)
