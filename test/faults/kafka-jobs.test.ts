import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Child, seeded, spawnChild } from '@pdvend/contract'
import { type RunningEngine, startEngine, whyMissing } from '@pdvend/engines'
import { ossKafkaJobs } from '@pdvend/oss-kafka'
import { defineJob, handle, type JobDefinition, JobQueue, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { z } from 'zod'

/** 10 is the full size: 10,000 jobs, 200 comings and goings of workers over 5,000 keyed jobs, 100 workers killed. */
const scale = Number(process.env['PDVEND_TEST_SCALE'] ?? 1)
const missing = await whyMissing('kafka', { named: false })
const describeHere = missing === undefined ? describe : describe.skip
const timeoutMs = 180_000 + 90_000 * scale
const CONCURRENCY = 20
const KEYS = 20

const input = z.object({ n: z.number() })
const signal = AbortSignal.timeout(3_600_000)
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describeHere(`jobs on Kafka under faults${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: RunningEngine
  let env: Readonly<Record<string, string>>
  beforeAll(async () => {
    kafka = await startEngine('kafka', { named: false })
    env = { PDVEND_JOBS_BROKERS: kafka.url, PDVEND_JOBS_CONNECT_TIMEOUT_MS: '1000' }
  }, 300_000)
  afterAll(async () => kafka?.stop(), 60_000)

  async function settings(engine?: string): Promise<Parameters<typeof ossKafkaJobs.open>[0]> {
    const read = await readSettings(ossKafkaJobs.config, { ...env, ...(engine === undefined ? {} : { PDVEND_JOBS_ENGINE: engine }) })
    if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
    return read.settings
  }

  async function opened(leaseMs = 10_000, engine?: string): Promise<JobQueue> {
    const driver = await ossKafkaJobs.open(await settings(engine), { clock: systemClock, log: silentLogger, signal })
    return new JobQueue(driver, { adapter: ossKafkaJobs.name, capabilities: ossKafkaJobs.capabilities, leaseMs })
  }

  /** A queue with `count` jobs in it, all of them accepted. */
  async function filled(name: string, count: number, keyed: boolean, engine?: string): Promise<JobDefinition<typeof input>> {
    const plan = await ossKafkaJobs.provision!(
      await settings(engine),
      { jobs: [{ name, keyed }] },
      { clock: systemClock, log: silentLogger, signal },
    )
    await plan.apply()
    await plan.close()
    const job = defineJob(name, { input, ...(keyed ? { key: ({ n }: { n: number }) => `key-${n % KEYS}` } : {}) })
    await using queue = await opened(undefined, engine)
    const outcomes = await queue.enqueueMany(range(count).map((n) => ({ job, input: { n } })))
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([])
    return job
  }

  /** Waits until nothing waits or runs; gives how many died. */
  async function emptied(queue: JobQueue, name: string): Promise<number> {
    for (;;) {
      const left = await queue.stats(name).catch(() => undefined)
      if (left !== undefined && left.ready + left.delayed + left.inFlight === 0) return left.dead
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  // What is repeated is what was not yet acknowledged. A worker of a share group runs some jobs, has asked for as many more, and
  // goes on until four times as many acknowledgements are under way.
  test.each([
    { engine: 'classic', held: CONCURRENCY },
    { engine: 'auto', held: 6 * CONCURRENCY },
  ])(
    'the broker is killed at a third and at a half of the jobs, engine $engine: none is lost',
    async ({ engine, held }) => {
      const count = 1_000 * scale
      const job = await filled(`killed-broker-${engine}`, count, false, engine)
      await using queue = await opened(undefined, engine)
      const runs = new Map<number, number>()
      let reached = (): void => {}
      queue.work(
        [
          handle(job, ({ n }) => {
            runs.set(n, (runs.get(n) ?? 0) + 1)
            reached()
          }),
        ],
        { concurrency: CONCURRENCY },
      )
      const awayMs: number[] = []
      for (const mark of [Math.floor(count / 3), Math.floor(count / 2)]) {
        await new Promise<void>((resolve) => (reached = () => runs.size >= mark && resolve()))
        const at = performance.now()
        await kafka.kill!()
        const after = runs.size
        const up = performance.now()
        await new Promise<void>((resolve) => (reached = () => (runs.size > after || runs.size === count) && resolve()))
        awayMs.push(Math.round(up - at), Math.round(performance.now() - up))
      }
      expect(await emptied(queue, job.name)).toBe(0)
      const duplicates = [...runs.values()].reduce((sum, times) => sum + times - 1, 0)
      console.log('broker killed at 1/3 and 1/2', {
        engine,
        jobs: count,
        lost: count - runs.size,
        duplicates,
        'away, then until the next job, ms': awayMs,
      })
      expect(runs.size).toBe(count)
      expect(duplicates).toBeLessThanOrEqual(2 * held)
    },
    timeoutMs,
  )

  test(
    'workers come and go while keyed jobs run: no key twice at once, none out of order, none lost',
    async () => {
      const [count, comings] = [500 * scale, 20 * scale]
      const job = await filled('coming-and-going', count, true)
      const random = seeded(4)
      const running = new Set<number>()
      const seen = range(KEYS).map((): number[] => [])
      let [overlaps, runs] = [0, 0]
      const handler = handle(job, async ({ n }) => {
        const key = n % KEYS
        if (running.has(key)) overlaps++
        running.add(key)
        await new Promise((resolve) => setTimeout(resolve, Math.floor(random() * 40)))
        running.delete(key)
        if (!seen[key]!.includes(n)) seen[key]!.push(n)
        runs++
      })
      const visit = async (): Promise<void> => {
        const queue = await opened()
        queue.work([handler], { concurrency: 5 })
        await new Promise((resolve) => setTimeout(resolve, 100 + random() * 900))
        await queue.close({ drainMs: 5_000 })
      }
      await using steady = await opened()
      steady.work([handler], { concurrency: 2 })
      const lanes = range(4).map(async (lane) => {
        for (let n = lane; n < comings; n += 4) await visit()
      })
      await Promise.all(lanes)
      expect(await emptied(steady, job.name)).toBe(0)
      const done = seen.flat().length
      const disordered = seen.filter((list) => list.some((n, at) => at > 0 && n < list[at - 1]!)).length
      console.log('workers come and go', { jobs: count, comings, lost: count - done, duplicates: runs - done, overlaps, disordered })
      expect({ done, overlaps, disordered }).toEqual({ done: count, overlaps: 0, disordered: 0 })
      expect(runs - done).toBe(0)
    },
    timeoutMs,
  )

  test(
    'workers are killed -9 at seeded points: nothing accepted is lost, keys keep their order, duplicates stay within what a worker held',
    async () => {
      const [count, kills, concurrency] = [300 * scale, 10 * scale, 5]
      const job = await filled('killed-workers', count, true)
      const random = seeded(9)
      const script = new URL('../../packages/contract/dist/jobs/child-worker.js', import.meta.url)
      const module = new URL('../../packages/oss-kafka/dist/jobs/index.js', import.meta.url).href
      const children: Child[] = []
      const spawned = (): Child => {
        const child = spawnChild(script, { module, env, args: { names: [job.name], leaseMs: 1_000, concurrency, takesMs: 20 } })
        children.push(child)
        return child
      }
      const lives = range(2).map(async (slot) => {
        for (let n = slot; n < kills; n += 2) {
          const child = spawned()
          const after = 1 + Math.floor(random() * 15)
          await child.message(() => child.messages.length > after).catch(() => {})
          await child.kill()
        }
      })
      await using queue = await opened()
      const ended = emptied(queue, job.name)
      await Promise.race([Promise.all(lives), ended])
      const last = spawned()
      // Jobs that were in a worker's hands three times when it was killed are set aside, as poison.
      const poison = await ended
      last.process.send('stop')
      await last.done()
      await Promise.all(children.map((child) => child.kill()))
      const told = children.flatMap(({ messages }) => messages as { n?: number; start?: number; end?: number }[])
      const runs = told.filter(({ start }) => start !== undefined).length
      const starts = range(KEYS).map((key) => told.filter(({ n, start }) => n !== undefined && start !== undefined && n % KEYS === key))
      // A job that starts after a later one of its key has started was overtaken.
      const disordered = starts.filter((list) => {
        const inTime = list.toSorted((a, b) => a.start! - b.start! || a.n! - b.n!)
        return inTime.some(({ n }, at) => at > 0 && n! < inTime[at - 1]!.n!)
      }).length
      const begun = new Set(told.flatMap(({ n }) => n ?? [])).size
      console.log('workers killed -9', { jobs: count, kills, lost: count - begun, duplicates: runs - begun, poison, disordered })
      expect({ begun, disordered }).toEqual({ begun: count, disordered: 0 })
      expect(runs - begun).toBeLessThanOrEqual((kills + 1) * concurrency)
    },
    timeoutMs,
  )
})
