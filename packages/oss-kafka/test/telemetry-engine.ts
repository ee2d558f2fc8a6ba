import type { Engine } from '@pdvend/contract'
import { type LaunchOptions, startEngine } from '@pdvend/engines'
import { decodeEnvelope, readSettings, silentLogger, systemClock, type TelemetryRow } from '@pdvend/ports'
import { Kafka, logLevel } from 'kafkajs'
import { ossKafkaTelemetry } from '../src/telemetry/index.js'

export interface TelemetryEngineOptions extends Pick<LaunchOptions, 'version'> {
  readonly client: 'kafkajs' | 'platformatic'
}

/** What the handle will be able to do. The driver takes no time of its own, so a fake clock may drive the port above it. */
export const abilities: Engine = {
  name: 'Apache Kafka',
  env: {},
  clock: 'fake',
  module: new URL('../dist/telemetry/index.js', import.meta.url).href,
  storedEvents: async () => [],
}

export const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(600_000) }

/** Makes the topic that `env` names, as `pdvend provision` does. */
export async function provisionTelemetry(env: Readonly<Record<string, string>>): Promise<void> {
  const read = await readSettings(ossKafkaTelemetry.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const plan = await ossKafkaTelemetry.provision!(read.settings, { jobs: [] }, deps)
  try {
    await plan.apply()
  } finally {
    await plan.close()
  }
}

/** A broker of its own with the topic made, and a reader of the topic that is not ours. */
export async function telemetryEngine({ version, client }: TelemetryEngineOptions): Promise<Engine> {
  const kafka = await startEngine('kafka', version === undefined ? {} : { version })
  const topic = `contract.${Date.now().toString(36)}`
  const env = {
    PDVEND_TELEMETRY_BROKERS: kafka.url,
    PDVEND_TELEMETRY_CLIENT: client,
    PDVEND_TELEMETRY_TOPIC: topic,
    PDVEND_TELEMETRY_PARTITIONS: '3',
  }
  await provisionTelemetry(env)
  const mirror = await mirrorOf(kafka.url, topic)
  return {
    ...abilities,
    version: kafka.version,
    env,
    storedEvents: (type) => mirror.rows(type),
    async stop() {
      await mirror.close()
      await kafka.stop()
    },
  }
}

/** Reads a topic from its beginning on, as somebody else's app would. */
interface Mirror {
  /** All records of this type up to the topic's end as it is now. */
  rows(type: string): Promise<readonly TelemetryRow[]>
  close(): Promise<void>
}

async function mirrorOf(brokers: string, topic: string): Promise<Mirror> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING, retry: { retries: 50, maxRetryTime: 1_000 } })
  const admin = kafka.admin()
  const consumer = kafka.consumer({ groupId: `mirror-${topic}`, maxBytesPerPartition: 4_194_304 })
  await Promise.all([admin.connect(), consumer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  const read = new Map<number, number>()
  const rows = new Map<string, TelemetryRow[]>()
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch: { partition, messages } }) => {
      for (const { value, headers, offset } of messages) {
        // After a rebalance the group begins anew.
        if (Number(offset) < (read.get(partition) ?? 0)) continue
        read.set(partition, Number(offset) + 1)
        const { time, subject, data, context } = decodeEnvelope(value!)
        const [id, type] = [String(headers!['ce_id']), String(headers!['ce_type'])]
        const row = { id, type, at: time, ...(subject === undefined ? {} : { key: subject }), data, context: { ...context } }
        const list = rows.get(type)
        if (list === undefined) rows.set(type, [row])
        else list.push(row)
      }
    },
  })
  return {
    async rows(type) {
      const ends = await admin.fetchTopicOffsets(topic)
      for (const deadline = Date.now() + 25_000; ends.some(({ partition, high }) => (read.get(partition) ?? 0) < Number(high));) {
        if (Date.now() > deadline) throw new Error(`the topic was not read to its end: ${JSON.stringify([[...read], ends])}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return [...(rows.get(type) ?? [])]
    },
    async close() {
      await Promise.allSettled([consumer.disconnect(), admin.disconnect()])
    },
  }
}
