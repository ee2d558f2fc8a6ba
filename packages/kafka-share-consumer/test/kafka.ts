import { Admin, Producer } from '@platformatic/kafka'
import { ShareAdmin, ShareConsumer, type ShareConsumerOptions, type ShareRecord } from '../src/index.js'

let names = 0

export interface Bench {
  readonly bootstrapBrokers: readonly string[]
  readonly topic: string
  readonly groupId: string
}

/** A topic and a group of a test's own; the group starts at the topic's beginning. Locks of the engines last 3 s unless told otherwise. */
export async function setUp(
  url: string,
  options: {
    readonly partitions?: number
    readonly replicas?: number
    readonly lockMs?: number
    readonly settings?: Readonly<Record<string, string | number>>
  } = {},
): Promise<Bench> {
  const { partitions = 1, replicas = 1, lockMs, settings } = options
  const bootstrapBrokers = url.split(',')
  const name = `t${process.pid}-${++names}`
  const admin = new Admin({ clientId: 'test', bootstrapBrokers, retries: 10, retryDelay: 200 })
  try {
    await admin.createTopics({ topics: [name], partitions, replicas })
  } finally {
    await admin.close()
  }
  const lock = lockMs === undefined ? {} : { 'share.record.lock.duration.ms': lockMs }
  await using groups = new ShareAdmin({ bootstrapBrokers })
  await groups.alter(name, { 'share.auto.offset.reset': 'earliest', ...lock, ...settings })
  return { bootstrapBrokers, topic: name, groupId: name }
}

/** `from` to `to - 1` as values, in order where there is one partition. Idempotent: a plain producer writes some twice. */
export async function produce({ bootstrapBrokers, topic }: Bench, from: number, to: number, partitions = 1): Promise<void> {
  const producer = new Producer({
    clientId: 'test',
    bootstrapBrokers: [...bootstrapBrokers],
    idempotent: true,
    retries: 30,
    retryDelay: 200,
  })
  try {
    for (let at = from; at < to; at += 500) {
      const numbers = Array.from({ length: Math.min(500, to - at) }, (_, index) => at + index)
      const messages = numbers.map((n) => ({ topic, partition: n % partitions, key: Buffer.from(`k${n}`), value: Buffer.from(String(n)) }))
      await producer.send({ messages, acks: -1 })
    }
  } finally {
    await producer.close()
  }
}

export function open({ bootstrapBrokers, topic, groupId }: Bench, options: Partial<ShareConsumerOptions> = {}): Promise<ShareConsumer> {
  return ShareConsumer.open({ bootstrapBrokers, topics: [topic], groupId, ...options })
}

/** Polls until there is something, or the time is over. */
export async function next(consumer: ShareConsumer, maxRecords = 1, withinMs = 20_000): Promise<ShareRecord[]> {
  for (const end = Date.now() + withinMs; ;) {
    const records = await consumer.poll({ maxRecords, waitMs: 200 })
    if (records.length > 0 || Date.now() > end) return records
  }
}

/** Exactly `count` records, however many polls it takes. */
export async function take(consumer: ShareConsumer, count: number, withinMs = 30_000): Promise<ShareRecord[]> {
  const taken: ShareRecord[] = []
  for (const end = Date.now() + withinMs; taken.length < count && Date.now() < end;) {
    taken.push(...(await consumer.poll({ maxRecords: count - taken.length, waitMs: 200 })))
  }
  return taken
}

export function numberOf({ value }: ShareRecord): number {
  return Number(value?.toString())
}

export async function eventually(what: string, holds: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  for (const end = Date.now() + withinMs; ;) {
    if (await holds()) return
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
