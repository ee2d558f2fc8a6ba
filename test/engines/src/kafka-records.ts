import { Kafka, logLevel } from 'kafkajs'

/** A record as anybody reads it who has never heard of the adapter. */
export interface KafkaRecord {
  readonly partition: number
  readonly offset: number
  readonly value: Uint8Array
}

/** Longest wait for the end of the topic, in milliseconds. */
const PATIENCE_MS = 60_000

/** Every record of a topic up to its end as it is now, tombstones left out; by partition in order. @throws Error when it is not read in a minute */
export async function readTopic(brokers: string, topic: string): Promise<readonly KafkaRecord[]> {
  const kafka = new Kafka({ clientId: 'pdvend-test', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const consumer = kafka.consumer({ groupId: `pdvend-test-${process.pid}-${Date.now()}-${Math.random()}` })
  try {
    await Promise.all([admin.connect(), consumer.connect()])
    const ends = new Map(
      (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => [partition, high === low ? 0 : Number(high)]),
    )
    const records = new Map<string, KafkaRecord>()
    const next = new Map<number, number>()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      // A rebalance begins a partition anew: the place of a record is its name.
      eachMessage: async ({ partition, message: { offset, value } }) => {
        next.set(partition, Number(offset) + 1)
        if (value !== null) records.set(`${partition} ${offset}`, { partition, offset: Number(offset), value })
      },
    })
    const missing = (): boolean => [...ends].some(([partition, end]) => (next.get(partition) ?? 0) < end)
    for (const deadline = Date.now() + PATIENCE_MS; missing();) {
      if (Date.now() > deadline) throw new Error(`${topic} was not read to its end within ${PATIENCE_MS} ms`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return [...records.values()].sort((one, other) => one.partition - other.partition || one.offset - other.offset)
  } finally {
    await Promise.allSettled([admin.disconnect(), consumer.disconnect()])
  }
}
