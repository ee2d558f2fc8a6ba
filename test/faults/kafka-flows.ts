import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ossKafkaJobs, ossKafkaTelemetry } from '@pdvend/oss-kafka'
import {
  type AnyAdapter,
  defineEvent,
  defineJob,
  handle,
  JobQueue,
  type PortName,
  type PortTypes,
  readSettings,
  type SettingsShape,
  silentLogger,
  systemClock,
  Telemetry,
} from '@pdvend/ports'
import { openSpool } from '@pdvend/spool'
import { Kafka, logLevel } from 'kafkajs'
import { z } from 'zod'

export type Env = Readonly<Record<string, string>>
export type Client = 'kafkajs' | 'platformatic'

/** What a flow tells when it has ended. */
export type Figures = Readonly<Record<string, number>>

/** Something that runs while an engine is broken. */
export interface Flow {
  /** Stops putting in, waits until all of it is through, and counts. */
  end(): Promise<Figures>
}

const KEYS = 8
/** How many go in at once, and how often, in milliseconds. */
const GROUP = 5
const EVERY_MS = 10

/** Calls `put` with growing numbers until it is stopped; gives how many it was. */
function pulse(put: (n: number) => void): () => number {
  let n = 0
  const timer = setInterval(() => {
    for (let index = 0; index < GROUP; index++) put(n++)
  }, EVERY_MS)
  return () => {
    clearInterval(timer)
    return n
  }
}

/** Events through the disk spool into a topic of their own. */
export async function telemetryFlow(brokers: string, direct: string, client: Client, replicas: number): Promise<Flow> {
  const topic = `faults.${client}.${Date.now().toString(36)}`
  const env = {
    PDVEND_TELEMETRY_CLIENT: client,
    PDVEND_TELEMETRY_TOPIC: topic,
    PDVEND_TELEMETRY_PARTITIONS: '3',
    PDVEND_TELEMETRY_REPLICAS: String(replicas),
    PDVEND_TELEMETRY_CONNECT_TIMEOUT_MS: '1000',
    PDVEND_TELEMETRY_REQUEST_TIMEOUT_MS: '3000',
  }
  const driver = await opened(
    ossKafkaTelemetry,
    { ...env, PDVEND_TELEMETRY_BROKERS: brokers },
    { ...env, PDVEND_TELEMETRY_BROKERS: direct },
  )
  const directory = await mkdtemp(join(tmpdir(), 'pdvend-faults-'))
  const telemetry = new Telemetry(driver, {
    adapter: ossKafkaTelemetry.name,
    capabilities: ossKafkaTelemetry.capabilities,
    spool: await openSpool({ directory }),
    batch: { maxAgeMs: 50 },
    retry: { firstMs: 50, maxMs: 1_000 },
  })
  const event = defineEvent('fault.sale', { data: z.object({ n: z.number().int() }) })
  let longestMs = 0
  let last = { accepted: 0, at: performance.now() }
  const watch = setInterval(() => {
    const { accepted } = telemetry.ledger()
    const now = performance.now()
    if (accepted > last.accepted) last = { accepted, at: now }
    else longestMs = Math.max(longestMs, now - last.at)
  }, 20)
  const stop = pulse((n) => telemetry.emit(event, { n }, { id: `e${n}`, key: `till-${n % KEYS}` }))
  return {
    async end() {
      const emitted = stop()
      const { complete, accepted, dead, dropped } = await telemetry.flush({ timeoutMs: 120_000 })
      clearInterval(watch)
      await telemetry.close()
      await rm(directory, { recursive: true, force: true })
      const stored = await idsOf(direct, topic)
      const distinct = [...new Set(stored)]
      const byKey = Array.from({ length: KEYS }, (_, key) => distinct.map(numberOf).filter((n) => n % KEYS === key))
      return {
        emitted,
        incomplete: complete ? 0 : 1,
        accepted,
        dead,
        dropped,
        lost: emitted - distinct.length,
        repeated: stored.length - distinct.length,
        disordered: byKey.filter((numbers) => numbers.some((n, index) => index > 0 && n < numbers[index - 1]!)).length,
        longestPauseMs: Math.round(longestMs),
      }
    },
  }
}

const numberOf = (id: string): number => Number(id.slice(1))

/** Jobs with and without a key, put in and worked off side by side. */
export async function jobsFlow(brokers: string, direct: string, client: Client, replicas: number): Promise<Flow> {
  const env = {
    PDVEND_JOBS_CLIENT: client,
    PDVEND_JOBS_PREFIX: `faults.${client}.${Date.now().toString(36)}.`,
    PDVEND_JOBS_REPLICAS: String(replicas),
    PDVEND_JOBS_CONNECT_TIMEOUT_MS: '1000',
    PDVEND_JOBS_REQUEST_TIMEOUT_MS: '3000',
  }
  const job = defineJob('fault.receipt', {
    input: z.object({ n: z.number().int(), key: z.string() }),
    key: ({ key }) => key,
    retry: { firstMs: 100, maxMs: 1_000 },
  })
  const names = [{ name: job.name, keyed: true }]
  const driver = await opened(ossKafkaJobs, { ...env, PDVEND_JOBS_BROKERS: brokers }, { ...env, PDVEND_JOBS_BROKERS: direct }, names)
  const queue = new JobQueue(driver, { adapter: ossKafkaJobs.name, capabilities: ossKafkaJobs.capabilities })
  const done: { readonly n: number; readonly key: string }[] = []
  const worker = queue.work([handle(job, async (input) => void done.push(input))], { concurrency: 20 })
  const accepted = new Set<number>()
  const pending = new Set<Promise<unknown>>()
  let refused = 0
  const put = async (n: number): Promise<void> => {
    // Who is refused tries again under the same dedupe key, as an app would: the answer may have got lost alone.
    for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
      try {
        await queue.enqueue(job, { n, key: `till-${n % KEYS}` }, { dedupeKey: `j${n}` })
        accepted.add(n)
        return
      } catch {
        refused += 1
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }
  const stop = pulse((n) => {
    const work = put(n).finally(() => pending.delete(work))
    pending.add(work)
  })
  return {
    async end() {
      const offered = stop()
      await Promise.all(pending)
      const ran = (): ReadonlySet<number> => new Set(done.map(({ n }) => n))
      for (const deadline = Date.now() + 120_000; ran().size < accepted.size && Date.now() < deadline;)
        await new Promise((resolve) => setTimeout(resolve, 100))
      const { dead } = await queue.stats()
      await worker.close()
      await queue.close()
      return {
        offered,
        accepted: accepted.size,
        refused,
        lost: [...accepted].filter((n) => !ran().has(n)).length,
        repeated: done.length - ran().size,
        dead,
      }
    },
  }
}

/** Provisions past what is broken, and opens through it. */
async function opened<Port extends PortName>(
  manifest: AnyAdapter<Port>,
  env: Env,
  direct: Env,
  jobs: readonly { readonly name: string; readonly keyed: boolean }[] = [],
): Promise<PortTypes[Port]['driver']> {
  const settingsOf = async (source: Env): Promise<never> => {
    const read = await readSettings(manifest.config as SettingsShape, source)
    if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
    return read.settings as never
  }
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(60_000) }
  const plan = await manifest.provision!(await settingsOf(direct), { jobs }, deps)
  await plan.apply()
  await plan.close()
  return manifest.open(await settingsOf(env), deps)
}

/** `ce_id` of every record of the topic, by partition in order of offset; read by another client than ours. */
async function idsOf(brokers: string, topic: string): Promise<readonly string[]> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry: { retries: 50, maxRetryTime: 1_000 } })
  const admin = kafka.admin()
  const consumer = kafka.consumer({ groupId: `count-${topic}` })
  await Promise.all([admin.connect(), consumer.connect()])
  const ends = await admin.fetchTopicOffsets(topic)
  const ids = new Map<number, string[]>()
  const next = new Map<number, number>()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message: { headers, offset } }) => {
      if (Number(offset) < (next.get(partition) ?? 0)) return
      next.set(partition, Number(offset) + 1)
      ids.set(partition, [...(ids.get(partition) ?? []), String(headers?.['ce_id'])])
    },
  })
  for (const deadline = Date.now() + 60_000; ends.some(({ partition, high }) => (next.get(partition) ?? 0) < Number(high));) {
    if (Date.now() > deadline) throw new Error(`${topic} could not be read to its end`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await Promise.allSettled([consumer.disconnect(), admin.disconnect()])
  return [...ids.values()].flat()
}
