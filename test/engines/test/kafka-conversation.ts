import { Kafka, logLevel } from 'kafkajs'
import type { RunningEngine } from '../src/index.js'

const client = (engine: RunningEngine): Kafka =>
  new Kafka({
    clientId: 'engines-test',
    brokers: [engine.url],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 20_000,
    requestTimeout: 20_000,
  })

/** Makes a topic and writes one record to it. */
export async function putRecord(engine: RunningEngine, name: string): Promise<void> {
  const kafka = client(engine)
  const admin = kafka.admin()
  const producer = kafka.producer({ idempotent: true })
  await Promise.all([admin.connect(), producer.connect()])
  try {
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }], waitForLeaders: true })
    await producer.send({ topic: name, acks: -1, messages: [{ value: 'receipt 17' }] })
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
}

/** True when the topic is there and not empty. */
export async function hasRecord(engine: RunningEngine, name: string): Promise<boolean> {
  const admin = client(engine).admin()
  await admin.connect()
  try {
    if (!(await admin.listTopics()).includes(name)) return false
    return (await admin.fetchTopicOffsets(name)).some(({ high }) => Number(high) > 0)
  } finally {
    await admin.disconnect()
  }
}
