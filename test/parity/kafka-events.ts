import { decodeEnvelope } from '@pdvend/ports'
import { Kafka, logLevel } from 'kafkajs'
import type { StoredEvent } from './homes.js'

const TOPIC = 'pdvend.telemetry'

/** Every event of a type that the topic holds, each once by its id, as whoever loads it into a warehouse sees it. */
export async function readEvents(brokers: string, type: string): Promise<readonly StoredEvent[]> {
  const kafka = new Kafka({ clientId: 'parity', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const left = new Map((await admin.fetchTopicOffsets(TOPIC)).map(({ partition, high }) => [partition, Number(high)]))
  await admin.disconnect()
  const events = new Map<string, StoredEvent>()
  const consumer = kafka.consumer({ groupId: `parity-${process.pid}-${Math.random().toString(36).slice(2)}` })
  await consumer.connect()
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true })
  for (const [partition, high] of left) if (high === 0) left.delete(partition)
  await new Promise<void>((resolve, reject) => {
    if (left.size === 0) return resolve()
    const eachMessage = async ({ partition, message }: { partition: number; message: { offset: string; value: Buffer | null } }) => {
      const { id, type: found, time, data, context } = decodeEnvelope(message.value!)
      if (found === type) events.set(id, { id, type, at: time, data, context: { ...context } })
      if (Number(message.offset) + 1 >= (left.get(partition) ?? 0)) left.delete(partition)
      if (left.size === 0) resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect()
  return [...events.values()]
}
