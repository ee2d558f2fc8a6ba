import type { Socket } from 'node:net'
import { Kafka, type KafkaConfig } from 'kafkajs'
import type { IncomingRecord, KafkaReader, PartitionOffset, ReadBatch, ReaderOptions } from '../client.js'
import { wholeAnswers } from './kafkajs-socket.js'

/** What is used of kafkajs's own `Cluster` (2.2.4, its last release): its consumer cannot read without a group. */
export interface Cluster {
  readonly brokerPool: { readonly versions: Readonly<Record<string, { readonly maxVersion: number }>> | null }
  connect(): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[]
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>
  findBroker(node: { readonly nodeId: string }): Promise<Broker>
  removeBroker(place: { readonly host: string; readonly port: number }): void
  fetchTopicsOffset(
    topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>
}

interface Broker {
  fetch(request: {
    readonly isolationLevel: number
    readonly maxWaitTime: number
    readonly minBytes: number
    readonly maxBytes: number
    readonly topics: readonly { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[]
  }): Promise<Fetched>
}

interface Fetched {
  readonly responses: readonly {
    readonly topicName: string
    readonly partitions: readonly { readonly partition: number; readonly highWatermark: string; readonly messages: readonly Message[] }[]
  }[]
}

interface Message {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, Buffer | string | readonly (Buffer | string)[]>>
  readonly isControlRecord?: boolean
}

/** A cluster and what it is connected by. */
export interface Wired {
  readonly cluster: Cluster
  /** Cuts its connections: an orderly `disconnect` would wait for the answer that the broker holds back. */
  cut(): void
}

/** Makes a cluster as `Kafka` makes that of a consumer: by a method under a private symbol. `opened` hears of each socket. */
export function makeCluster(config: KafkaConfig, opened: (socket: Socket) => void): Wired {
  const sockets = new Set<Socket>()
  const kafka = new Kafka({
    ...config,
    socketFactory: wholeAnswers((socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      opened(socket)
    }),
  })
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')
  const make = symbol === undefined ? undefined : (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]
  if (make === undefined) throw new Error('this kafkajs is not 2.2.4: its cluster was not found')
  return {
    cluster: make({ isolationLevel: READ_UNCOMMITTED, allowAutoTopicCreation: false, metadataMaxAge: 300_000 }),
    cut() {
      // kafkajs hears of an error alone.
      for (const socket of sockets) socket.destroy(new Error('the reader is closed'))
    },
  }
}

/** Of Kafka's isolation levels. */
const READ_UNCOMMITTED = 0

/** kafkajs's name for "this offset is not there". */
const OUT_OF_RANGE = 'OFFSET_OUT_OF_RANGE'

/** Opens a reader: one fetch under way for each leader, over connections of its own. */
export async function kafkajsReader(
  connectBy: () => Wired,
  from: readonly PartitionOffset[],
  { maxWaitMs = 1_000, maxBytes = 8_388_608 }: ReaderOptions = {},
): Promise<KafkaReader> {
  const { cluster, cut } = connectBy()
  const positions = new Map<string, { readonly topic: string; readonly partition: number; next: number; end: number }>()
  for (const { topic, partition, offset } of from) positions.set(`${topic}/${partition}`, { topic, partition, next: offset, end: offset })
  const topics = [...new Set(from.map(({ topic }) => topic))]
  const pending = new Map<string, Promise<{ readonly leader: string; readonly fetched?: Fetched; readonly error?: unknown }>>()
  let stale = false
  let closed = false
  /** Ends the wait of a call that is under way; a promise for it would hold on to every wait there ever was. */
  let wake: (() => void) | undefined

  const connect = async (): Promise<void> => {
    await cluster.connect()
    await cluster.addMultipleTargetTopics(topics)
  }
  try {
    await connect()
  } catch (error) {
    await cluster.disconnect().catch(() => {})
    throw error
  }

  function byLeader(): ReadonlyMap<string, readonly { topic: string; partitions: number[] }[]> {
    const found = new Map<string, { topic: string; partitions: number[] }[]>()
    for (const topic of topics) {
      const wanted = [...positions.values()].filter((position) => position.topic === topic).map(({ partition }) => partition)
      for (const [leader, partitions] of Object.entries(cluster.findLeaderForPartitions(topic, wanted)))
        found.set(leader, [...(found.get(leader) ?? []), { topic, partitions: [...partitions] }])
    }
    return found
  }

  async function fetch(leader: string, wanted: readonly { topic: string; partitions: number[] }[]): Promise<Fetched> {
    const broker = await cluster.findBroker({ nodeId: leader })
    return broker.fetch({
      isolationLevel: READ_UNCOMMITTED,
      maxWaitTime: maxWaitMs,
      minBytes: 1,
      maxBytes,
      topics: wanted.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((partition) => ({
          partition,
          fetchOffset: String(positions.get(`${topic}/${partition}`)!.next),
          maxBytes,
        })),
      })),
    })
  }

  /** After retention took what was wanted: on from the first record that is there. */
  async function moveIntoRange(): Promise<void> {
    for (const topic of topics) {
      const mine = [...positions.values()].filter((position) => position.topic === topic)
      const bounds = async (fromBeginning: boolean): Promise<ReadonlyMap<number, number>> => {
        const [found] = await cluster.fetchTopicsOffset([
          { topic, partitions: mine.map(({ partition }) => ({ partition })), fromBeginning },
        ])
        return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
      }
      const [first, last] = [await bounds(true), await bounds(false)]
      for (const position of mine)
        position.next = Math.min(Math.max(position.next, first.get(position.partition) ?? 0), last.get(position.partition) ?? position.next)
    }
  }

  function taken({ responses }: Fetched): IncomingRecord[] {
    const records: IncomingRecord[] = []
    for (const { topicName, partitions } of responses)
      for (const { partition, highWatermark, messages } of partitions) {
        const position = positions.get(`${topicName}/${partition}`)
        if (position === undefined) continue
        position.end = Number(highWatermark)
        for (const message of messages) {
          const offset = Number(message.offset)
          // A batch comes whole, also where the wanted offset is in its middle.
          if (offset < position.next) continue
          position.next = offset + 1
          if (message.isControlRecord === true) continue
          records.push({
            topic: topicName,
            partition,
            offset,
            timestamp: Number(message.timestamp),
            key: message.key,
            value: message.value,
            headers: lastHeaders(message.headers),
          })
        }
      }
    return records
  }

  return {
    async read(signal): Promise<ReadBatch> {
      if (closed) throw new Error('the reader is closed')
      if (stale) {
        await cluster.connect()
        await cluster.refreshMetadata()
        stale = false
      }
      for (const [leader, wanted] of byLeader()) {
        if (pending.has(leader)) continue
        pending.set(
          leader,
          fetch(leader, wanted).then(
            (fetched) => ({ leader, fetched }),
            (error: unknown) => ({ leader, error }),
          ),
        )
      }
      const done = await first(pending.values(), (stop) => (wake = stop), signal)
      if (done === undefined) return { records: [], positions: [...positions.values()].map((position) => ({ ...position })) }
      pending.delete(done.leader)
      if (done.fetched === undefined) {
        stale = true
        const { host, port, type } = done.error as { host?: string; port?: number; type?: string }
        if (host !== undefined && port !== undefined) cluster.removeBroker({ host, port })
        if (type !== OUT_OF_RANGE) throw done.error
        await moveIntoRange()
        return { records: [], positions: [...positions.values()].map((position) => ({ ...position })) }
      }
      const records = taken(done.fetched)
      return { records, positions: [...positions.values()].map((position) => ({ ...position })) }
    },
    async close() {
      if (closed) return
      closed = true
      wake?.()
      cut()
      await cluster.disconnect().catch(() => {})
    },
  }
}

/** The first that ends, or undefined when `stop` is called or the caller gives up. */
async function first<T>(all: Iterable<Promise<T>>, onWait: (stop: () => void) => void, signal?: AbortSignal): Promise<T | undefined> {
  if (signal?.aborted === true) return undefined
  let stop!: () => void
  const stopped = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)))
  onWait(stop)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([...all, stopped])
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function lastHeaders(headers: Message['headers'] = {}): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      const last = Array.isArray(value) ? (value as readonly (Buffer | string)[]).at(-1)! : (value as Buffer | string)
      return [name, typeof last === 'string' ? Buffer.from(last) : last]
    }),
  )
}
