import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { startEngine, whyMissing, type RunningEngine } from '@pdvend/engines'
import {
  type Clock,
  type DriverJob,
  type JobDriver,
  type Lease,
  newId,
  PortError,
  readSettings,
  silentLogger,
  systemClock,
} from '@pdvend/ports'
import { type KafkaClient, openClient } from '../src/client.js'
import { Cleaner } from '../src/jobs/classic/cleaner.js'
import { Queues } from '../src/jobs/classic/queues.js'
import { ossKafkaJobs } from '../src/jobs/index.js'
import { provisionQueues } from './jobs-engine.js'

const DAY_MS = 86_400_000
const missing = await whyMissing('kafka')
const describeHere = missing === undefined ? describe : describe.skip
const call = { signal: AbortSignal.timeout(600_000) }

/** A clock that stands until it is set; what waits for a time waits in vain, and a look is what tells. */
class SetClock implements Clock {
  constructor(public time = Date.UTC(2026, 0, 15, 12)) {}
  now(): number {
    return this.time
  }
  timer(): { cancel(): void } {
    return { cancel: () => {} }
  }
}

describeHere(`the driver on Kafka${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: RunningEngine
  let client: KafkaClient
  const drivers: JobDriver[] = []
  let queues = 0

  beforeAll(async () => {
    kafka = await startEngine('kafka')
    client = await openClient({
      client: 'kafkajs',
      brokers: kafka.url.split(','),
      clientId: 'test',
      connectTimeoutMs: 3_000,
      requestTimeoutMs: 10_000,
    })
  }, 180_000)
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()))
  })
  afterAll(async () => {
    await client?.close()
    await kafka?.stop()
  }, 60_000)

  const env = (): Record<string, string> => ({ PDVEND_JOBS_BROKERS: kafka.url })
  async function driverOf(clock: Clock = systemClock): Promise<JobDriver> {
    const read = await readSettings(ossKafkaJobs.config, env())
    if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
    const driver = await ossKafkaJobs.open(read.settings, { clock, log: silentLogger, signal: call.signal })
    drivers.push(driver)
    return driver
  }
  async function queueOf(): Promise<string> {
    const name = `q${queues++}`
    await provisionQueues(env(), [name])
    return name
  }
  const jobOf = (name: string, clock: Clock, rest: Partial<DriverJob> = {}): DriverJob => {
    const now = clock.now()
    return { id: newId(now), name, payload: Buffer.from(`of ${name}`), dueAt: now, enqueuedAt: now, priority: 0, ...rest }
  }
  const look = (driver: JobDriver, name: string, max = 10, leaseMs = 30_000): Promise<readonly Lease[]> =>
    driver.receive({ names: [name], max, leaseMs, waitMs: 0, ...call })
  const put = async (driver: JobDriver, ...jobs: DriverJob[]): Promise<void> => {
    for (const outcome of await driver.enqueue(jobs, call)) if ('error' in outcome) throw outcome.error
    await driver.stats([...new Set(jobs.map(({ name }) => name))], call)
  }

  test('Q57 delays of 1 s, 16 minutes, 30 days and ten years are kept to the millisecond', async () => {
    const clock = new SetClock()
    const driver = await driverOf(clock)
    const name = await queueOf()
    const start = clock.now()
    const delays = [1_000, 960_000, 30 * DAY_MS, 3_650 * DAY_MS]
    await put(driver, ...delays.map((delay) => jobOf(name, clock, { dueAt: start + delay })))
    for (const delay of delays) {
      clock.time = start + delay - 1
      expect(await look(driver, name)).toEqual([])
      clock.time = start + delay
      const leases = await look(driver, name)
      expect(leases.map(({ job }) => job.dueAt)).toEqual([start + delay])
      await driver.settle(leases[0]!, { kind: 'done' }, call)
    }
  }, 60_000)

  test('Q46.1 Q50 waiting is ageing; a dedupe key is free after its window', async () => {
    const clock = new SetClock()
    const driver = await driverOf(clock)
    const name = await queueOf()
    const dedupe = { key: 'd', windowMs: 7_200_000 }
    const low = jobOf(name, clock, { priority: -100, dedupe })
    await put(driver, low)
    clock.time += 7_199_999
    expect(await driver.enqueue([jobOf(name, clock, { dedupe })], call)).toEqual([{ id: low.id, duplicate: true }])
    clock.time += 1
    const next = jobOf(name, clock, { dedupe })
    expect(await driver.enqueue([next], call)).toEqual([{ id: next.id, duplicate: false }])
    clock.time += DAY_MS
    await put(driver, jobOf(name, clock, { priority: 100 }))
    expect((await look(driver, name, 1)).map(({ job }) => job.id)).toEqual([low.id])
  }, 60_000)

  test('Q17 Q31 leases go by the clock alone: each that ends without a settlement counts as a crash', async () => {
    const clock = new SetClock()
    const [driver, other] = [await driverOf(clock), await driverOf(clock)]
    const name = await queueOf()
    await put(driver, jobOf(name, clock))
    const [first] = await look(driver, name, 1, 1_000)
    expect(await driver.extend(first!, 5_000, call)).toBe(clock.now() + 5_000)
    clock.time += 4_999
    await other.stats([name], call)
    expect(await look(other, name)).toEqual([])
    clock.time += 1
    const [second] = await look(other, name)
    expect(second).toMatchObject({ attempt: 1, crashes: 1 })
    await expect(driver.settle(first!, { kind: 'done' }, call)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await other.settle(second!, { kind: 'retry', delayMs: 0, errors: [] }, call)
    expect(await look(other, name)).toMatchObject([{ attempt: 2, crashes: 0 }])
  }, 60_000)

  test('a log of finished jobs is cut; what lives is copied first, and whoever opens the queue later finds it as it was', async () => {
    const clock = new SetClock()
    const driver = await driverOf(clock)
    const name = await queueOf()
    const due = jobOf(name, clock, { dueAt: clock.now() + 30 * DAY_MS, key: 'k', payload: Buffer.alloc(5_000, 'x') })
    const behind = jobOf(name, clock, { key: 'k' })
    const dying = jobOf(name, clock)
    await put(driver, due, behind, dying)
    const [doomed] = await look(driver, name)
    await driver.settle(doomed!, { kind: 'dead', reason: 'discarded', errors: ['why'] }, call)
    for (let round = 0; round < 3; round++) {
      await put(driver, ...Array.from({ length: 100 }, () => jobOf(name, clock)))
      await Promise.all((await look(driver, name, 100)).map((lease) => driver.settle(lease, { kind: 'done' }, call)))
    }
    const failed = (): void => {}
    const deps = { client, clock, adapter: 'oss-kafka', prefix: 'pdvend.jobs.', writer: 'cleaner', cleaningFailed: failed }
    const own = new Queues(deps)
    const replica = await own.replica(name, call.signal)
    const cleaner = new Cleaner(replica, { client, clock, payloads: (...of) => own.payloads(...of), failed }, 100)
    cleaner.close()
    const before = await driver.stats([name], call)
    const start = await cleaner.clean()
    await own.close()
    expect(start).toBeGreaterThan(300)
    expect(await client.admin.offsets(`pdvend.jobs.${name}`, 'earliest')).toEqual([{ partition: 0, offset: start }])
    const later = await driverOf(clock)
    for (const each of [driver, later]) expect(await each.stats([name], call)).toEqual(before)
    expect(before).toMatchObject({ ready: 1, delayed: 1, dead: 1 })
    const { jobs } = await later.listDead({ name, limit: 10, ...call })
    expect(jobs).toMatchObject([{ job: { id: dying.id }, reason: 'discarded', errors: ['why'] }])
    expect(Buffer.from(jobs[0]!.job.payload)).toEqual(dying.payload)
    expect(await later.redriveDead([dying.id], call)).toBe(1)
    expect((await look(later, name)).map(({ job }) => job.id)).toEqual([dying.id])
    clock.time += 30 * DAY_MS
    const [head] = (await look(later, name)).filter(({ job }) => job.id !== dying.id)
    expect(head?.job).toMatchObject({ id: due.id, key: 'k' })
    expect(Buffer.from(head!.job.payload)).toEqual(due.payload)
  }, 90_000)

  test('what another program writes is a job: its value the payload, its key the key', async () => {
    const driver = await driverOf()
    const name = await queueOf()
    const producer = await client.producer()
    const record = { topic: `pdvend.jobs.${name}`, partition: 0, value: Buffer.from('from elsewhere') }
    await producer.send([
      { ...record, headers: { ops: 'no list follows' } },
      { ...record, key: 'k' },
    ])
    await producer.close()
    await driver.stats([name], call)
    const [lease] = await look(driver, name)
    expect(lease?.job.key).toBe('k')
    expect(Buffer.from(lease!.job.payload).toString()).toBe('from elsewhere')
    await driver.settle(lease!, { kind: 'done' }, call)
  }, 60_000)

  test('a topic that is missing is NOT_FOUND and names the mend; one of several partitions is refused', async () => {
    const driver = await driverOf()
    const wrong = async (name: string): Promise<unknown> => {
      const [outcome] = await driver.enqueue([jobOf(name, systemClock)], call)
      return (outcome as { error: unknown }).error
    }
    const error = await wrong('nowhere')
    expect(PortError.is(error, 'NOT_FOUND')).toBe(true)
    expect(String(error)).toContain('pdvend provision')
    await expect(look(driver, 'nowhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await driver.stats(['nowhere'], call)).toEqual({ ready: 0, delayed: 0, inFlight: 0, dead: 0, oldestAgeMs: 0 })
    await client.admin.createTopics([{ name: 'pdvend.jobs.wide', partitions: 3, replicas: 1, config: {} }])
    expect(await wrong('wide')).toMatchObject({ code: 'CONFIG_INVALID', outcome: 'not-applied' })
  }, 60_000)

  test('jobs of an open queue are told from another process at once, and seldom late', async () => {
    const [driver, other] = [await driverOf(), await driverOf()]
    const name = await queueOf()
    const late: number[] = []
    const COUNT = 100
    const working = (async () => {
      while (late.length < COUNT) {
        const leases = await other.receive({ names: [name], max: 20, leaseMs: 30_000, waitMs: 20_000, ...call })
        for (const { job } of leases) late.push(Date.now() - job.dueAt)
        await Promise.all(leases.map((lease) => other.settle(lease, { kind: 'done' }, call)))
      }
    })()
    const now = Date.now()
    await put(driver, ...Array.from({ length: COUNT }, (_, n) => jobOf(name, systemClock, { dueAt: now + 500 + n * 20 })))
    await working
    late.sort((a, b) => a - b)
    console.log(`lateness of ${COUNT} delayed jobs: p50 ${late[COUNT / 2]} ms, p99 ${late[Math.floor(COUNT * 0.99)]} ms`)
    expect(late[0]).toBeGreaterThanOrEqual(0)
  }, 60_000)
})
