import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnChild } from '@pdvend/contract'
import { codesUnder, type FaultKind, faultKinds, type Strength, strengths, whyMissing } from '@pdvend/engines'
import { defineJob, handle, type JobDefinition, type JobQueue, PortError, type PortErrorCode, retryAfter } from '@pdvend/ports'
import { z } from 'zod'
import { openJobs, until } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

/** PDVEND_TEST_SCALE=10 is the full size. */
const ROUNDS = Math.max(1, Math.round(Number(process.env['PDVEND_TEST_SCALE'] ?? 1)))
const CALL_MS = 1_500
/** What a busy machine may add to a deadline. */
const SLACK_MS = 10_000
const RECOVERY_MS = 5_000
const LEASE_MS = 2_000
/** An outage may have cost each job a lease or two, and the wait of its next try. */
const DRAINED_MS = 30_000
const HASTY = { PDVEND_JOBS_REQUEST_TIMEOUT_MS: '500', PDVEND_JOBS_OFFLOAD_BYTES: '1024' }

/** `flippedBit` meets bodies of S3 objects alone. */
const ON_SQS = faultKinds.filter((kind) => kind !== 'flippedBit')
const ON_BUCKET: readonly FaultKind[] = ['unavailable', 'reset', 'lostReply', 'blackHole', 'slowBody', 'flippedBit', 'clockSkew', 'denied']

const numbered = z.object({ n: z.number(), bulk: z.string().optional() })
/** Too large for a message of these settings. */
const BULK = 'x'.repeat(2_000)
type Numbered = JobDefinition<typeof numbered>

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`jobs under faults${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  beforeAll(async () => (engine = await startSqs()), 120_000)
  afterEach(() => {
    engine.proxy.inject()
    engine.bucketProxy.inject()
  })
  afterAll(() => engine?.stop(), 60_000)

  const made = (name: string): Promise<Numbered> => makeJob(engine, name)

  test('a worker that is killed in the middle of a batch costs no job and no attempt', async () => {
    const job = await made('killed')
    const script = new URL('./jobs/child-worker.js', pathToFileURL(createRequire(import.meta.url).resolve('@pdvend/contract')))
    await using queue = await openJobs(engine, HASTY, { leaseMs: LEASE_MS })
    await queue.enqueueMany(Array.from({ length: 40 }, (_, n) => ({ job, input: { n } })))
    const args = { names: [job.name], leaseMs: LEASE_MS, concurrency: 20, takesMs: 100 }
    const child = spawnChild(script, { module: engine.module!, env: engine.env, args })
    const ended = (message: unknown): boolean => (message as { readonly end?: number }).end !== undefined
    await child.message(ended)
    await child.kill()
    const before = new Set(child.messages.filter(ended).map((message) => (message as { readonly n: number }).n))
    expect(before.size).toBeLessThan(40)
    const attempts: number[] = []
    const seen = new Set(before)
    queue.work([handle(job, ({ n }, { attempt }) => void (seen.add(n), attempts.push(attempt)))])
    await until(() => seen.size === 40, DRAINED_MS)
    expect(new Set(attempts)).toEqual(new Set([1]))
  }, 60_000)

  test('a bucket that is away for long makes no job poison: what cannot be read is put off', async () => {
    const job = await made('away')
    const leaseMs = 500
    await using queue = await openJobs(engine, HASTY, { leaseMs })
    const failed = new Set<number>()
    const done = new Set<number>()
    queue.work([
      handle(job, ({ n }) => {
        if (!failed.has(n)) {
          failed.add(n)
          throw retryAfter(1_000)
        }
        done.add(n)
      }),
    ])
    // One with a payload in the bucket, one whose next start has a note there.
    await queue.enqueue(job, { n: 1 }, { key: 'k' })
    await until(() => failed.has(1), 5_000)
    await queue.enqueue(job, { n: 2, bulk: BULK }, { delayMs: 1_000 })
    await new Promise((resolve) => setTimeout(resolve, 500))
    engine.bucketProxy.inject({ kind: 'unavailable', strength: 'heavy' })
    // Many times as long as a message that is left alone stays hidden.
    await new Promise((resolve) => setTimeout(resolve, 12_000))
    engine.bucketProxy.inject()
    await until(() => done.size === 2, 15_000)
    expect((await queue.stats(job.name)).dead).toBe(0)
  }, 60_000)

  test('a drain gives its jobs back at once, at no attempt and no crash', async () => {
    const job = await made('drained')
    const queue = await openJobs(engine)
    for (const key of ['k', undefined])
      await queue.enqueueMany(
        Array.from({ length: 5 }, (_, n) => ({ job, input: { n }, ...(key === undefined ? {} : { key: `${key}${n}` }) })),
      )
    let running = 0
    const forEver = (): Promise<void> => {
      running++
      return new Promise(() => {})
    }
    const worker = queue.work([handle(job, forEver)], { concurrency: 20 })
    await until(() => running === 10, 10_000)
    await worker.close({ drainMs: 0 })
    await queue.close({ drainMs: 0 })
    await using other = await openJobs(engine)
    const starts: { readonly attempt: number }[] = []
    const startedAt = Date.now()
    other.work([handle(job, (_, { attempt }) => void starts.push({ attempt }))])
    await until(() => starts.length === 10, 10_000)
    expect(Date.now() - startedAt).toBeLessThan(5_000)
    expect(starts.every(({ attempt }) => attempt === 1)).toBe(true)
    expect((await other.stats(job.name)).dead).toBe(0)
  }, 60_000)

  test('one slow job among a hundred does not hold them back', async () => {
    const job = await made('slow')
    await using queue = await openJobs(engine, {}, { leaseMs: LEASE_MS })
    const done: number[] = []
    queue.work(
      [
        handle(job, async ({ n }) => {
          if (n === 0) await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS))
          done.push(n)
        }),
      ],
      { concurrency: 5 },
    )
    await queue.enqueueMany(Array.from({ length: 101 }, (_, n) => ({ job, input: { n } })))
    await until(() => done.length === 100, 3 * LEASE_MS)
    expect(done).not.toContain(0)
    await until(() => done.length === 101, 10_000)
    expect(new Set(done).size).toBe(101)
  }, 30_000)
})

const LASTS_MS = (CALL_MS + SLACK_MS + RECOVERY_MS + DRAINED_MS) * ROUNDS
suite(`jobs under every fault${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  /** One a strength: they are tried side by side. */
  let engines: Readonly<Record<Strength, JobsEngine>>
  beforeAll(async () => {
    const [light, medium, heavy] = await Promise.all(strengths.map(() => startSqs()))
    engines = { light: light!, medium: medium!, heavy: heavy! }
  }, 120_000)
  afterAll(() => Promise.all(Object.values(engines ?? {}).map((engine) => engine.stop())), 60_000)

  describe.each([
    ['SQS', ON_SQS, 'proxy'],
    ['the bucket', ON_BUCKET, 'bucketProxy'],
  ] as const)('every fault at three strengths on %s', (where, kinds, door) => {
    const tryOut = async (kind: FaultKind, strength: Strength, round: number): Promise<void> => {
      const engine = engines[strength]
      const proxy = engine[door]
      const job = await makeJob(engine, `${where === 'SQS' ? 'q' : 'b'}.${kind.toLowerCase()}.r${round}`)
      const queue = await openJobs(engine, HASTY, { leaseMs: LEASE_MS })
      const ledger = new Ledger(queue, job)
      try {
        await ledger.begin()
        proxy.inject({ kind, strength })
        await ledger.work(codesUnder(kind))
        proxy.inject()
        await ledger.recovers()
        await ledger.balances()
        if (strength === 'heavy' && kind !== 'clockSkew') expect(proxy.hits[kind]).toBeGreaterThan(0)
      } finally {
        proxy.inject()
        await queue.close({ drainMs: 0 })
      }
    }
    test.each(kinds)(
      '%s: a typed error or success in time, nothing accepted is lost, keys stay in order, and all is well at once',
      async (kind) => {
        for (let round = 0; round < ROUNDS; round++) await Promise.all(strengths.map((strength) => tryOut(kind, strength, round)))
      },
      LASTS_MS,
    )
  })
})

async function makeJob(engine: JobsEngine, name: string): Promise<Numbered> {
  await engine.provision([name])
  return defineJob(name, { input: numbered, retry: { firstMs: 50, maxMs: 200, maxAttempts: 50 } })
}

/** What was put in, what was promised about it, and what was handled. */
class Ledger {
  readonly #accepted = new Set<number>()
  readonly #notApplied = new Set<number>()
  /** In the order of their first success. */
  readonly #handled: number[] = []
  readonly #failedOnce = new Set<number>()
  #next = 0

  constructor(
    private readonly queue: JobQueue,
    private readonly job: Numbered,
  ) {}

  /** Jobs that are in before the fault, and a worker. */
  async begin(): Promise<void> {
    await Promise.all([this.#put({}), this.#put({ delayMs: 700 }), this.#put({ key: 'a' }), this.#put({ dedupeKey: 'x' })])
    this.queue.work(
      [
        handle(this.job, ({ n }) => {
          if (n % 7 === 0 && !this.#failedOnce.has(n)) {
            this.#failedOnce.add(n)
            throw new Error('once')
          }
          if (!this.#handled.includes(n)) this.#handled.push(n)
        }),
      ],
      { concurrency: 10 },
    )
  }

  /** Everything that an app does, side by side. */
  async work(allowed: readonly PortErrorCode[]): Promise<void> {
    const startedAt = Date.now()
    const calls = { timeoutMs: CALL_MS }
    const attempt = (work: () => Promise<unknown>): Promise<void> =>
      work().then(
        () => undefined,
        (error: unknown) => {
          if (!PortError.is(error, ...allowed)) throw new Error('was not expected to fail like this', { cause: error })
        },
      )
    const inOrder = async (key: string): Promise<void> => {
      for (let index = 0; index < 4; index++) await attempt(() => this.#put({ key, timeoutMs: CALL_MS / 4 }))
    }
    await Promise.all([
      ...Array.from({ length: 8 }, () => attempt(() => this.#put(calls))),
      ...['y', 'z'].map((dedupeKey) => attempt(() => this.#put({ dedupeKey, ...calls }))),
      attempt(() => this.#put({ delayMs: 500, ...calls })),
      inOrder('a'),
      inOrder('b'),
      attempt(() => this.queue.stats(this.job.name, calls)),
      attempt(async () => {
        for await (const _dead of this.queue.dead.list({ name: this.job.name, ...calls }));
      }),
    ])
    expect(Date.now() - startedAt).toBeLessThan(CALL_MS + SLACK_MS)
  }

  /** What is put in now is handled in time, whatever lies before it. */
  async recovers(): Promise<void> {
    const startedAt = Date.now()
    const n = await this.#put({ timeoutMs: RECOVERY_MS })
    await until(() => this.#handled.includes(n), RECOVERY_MS - (Date.now() - startedAt))
  }

  /** What was accepted is handled, a key's in order; what was surely not taken is not; nothing stays, nothing is dead. */
  async balances(): Promise<void> {
    await until(() => [...this.#accepted].every((n) => this.#handled.includes(n)), DRAINED_MS)
    for (const key of ['a', 'b']) {
      // One that its caller gave up may arrive after the next.
      const order = this.#handled.filter((n) => this.#keys.get(n) === key && this.#accepted.has(n))
      expect(order).toEqual(order.toSorted((one, other) => one - other))
    }
    await until(async () => {
      const { ready, delayed, inFlight } = await this.queue.stats(this.job.name)
      return ready + delayed + inFlight === 0
    }, DRAINED_MS)
    expect((await this.queue.stats(this.job.name)).dead).toBe(0)
    expect(this.#handled.filter((n) => this.#notApplied.has(n))).toEqual([])
  }

  readonly #keys = new Map<number, string>()

  async #put(options: Parameters<JobQueue['enqueue']>[2] & object): Promise<number> {
    const n = ++this.#next
    if (options.key !== undefined) this.#keys.set(n, options.key)
    try {
      await this.queue.enqueue(this.job, { n, ...(n % 5 === 0 ? { bulk: BULK } : {}) }, options)
      this.#accepted.add(n)
    } catch (error) {
      if (PortError.is(error) && error.outcome === 'not-applied' && error.attempts === 1) this.#notApplied.add(n)
      throw error
    }
    return n
  }
}
