import type { Socket } from 'node:net'
// By its default: Node.js does not find all names of this CommonJS module.
import kafkajs, { type Admin, type CompressionTypes, type Kafka, type KafkaConfig, type Producer } from 'kafkajs'
import type { Connection } from '../connection.js'
import type { KafkaAdmin, KafkaClient, KafkaHeaders, KafkaProducer, OutgoingRecord, ProducerOptions, SendOutcome } from '../client.js'
import { protocolNumber } from '../errors.js'
import { type Cluster, kafkajsReader, makeCluster } from './kafkajs-reader.js'
import { wholeAnswers } from './kafkajs-socket.js'
import { restIdleConnections } from './kafkajs-timer.js'

/** Between tries of one send, in milliseconds; the last one is kept up. */
const RETRY_MS = [50, 100, 200, 400, 800]

/** The seam over kafkajs 2.2.4: the card's client, in plain JavaScript, which runs wherever Node.js does. */
export function kafkajsClient(connection: Connection): KafkaClient {
  restIdleConnections()
  const sockets = new Set<Socket>()
  let ended = false
  const track = (socket: Socket): void => {
    if (ended) return void socket.destroy()
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const config = configOf(connection, track)
  const kafka = new kafkajs.Kafka(config)
  const opened = new Set<{ close(): Promise<void> }>()
  const owned = <T extends { close(): Promise<void> }>(resource: T): T => {
    opened.add(resource)
    const close = resource.close.bind(resource)
    resource.close = () => {
      opened.delete(resource)
      return close()
    }
    return resource
  }
  const admin = lazyAdmin(kafka, () => makeCluster(config, track).cluster)
  return {
    library: 'kafkajs 2.2.4',
    admin,
    producer: async (options) => owned(await openProducer(kafka, connection, options)),
    // An answer that the broker may hold back must come before the request is given up.
    reader: async (from, { maxWaitMs = 1_000, ...options } = {}) =>
      owned(
        await kafkajsReader(() => makeCluster(config, track), from, {
          ...options,
          maxWaitMs: Math.min(maxWaitMs, connection.requestTimeoutMs / 2),
        }),
      ),
    async close() {
      await Promise.all([...opened].map((resource) => resource.close()))
      await admin.close()
      // kafkajs 2.2.4 leaves a connection open that it was just making when it was told to disconnect: the process would not end.
      ended = true
      for (const socket of sockets) {
        // Only an end tells kafkajs that a connection is no more: its timer would go on for ever.
        socket.emit('end')
        socket.destroy()
      }
    },
  }
}

function configOf(
  { brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs }: Connection,
  opened: (socket: Socket) => void,
): KafkaConfig {
  return {
    brokers: [...brokers],
    clientId,
    connectionTimeout: connectTimeoutMs,
    authenticationTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    ...(tls === undefined ? {} : { ssl: { ...tls, rejectUnauthorized: true } }),
    ...(sasl === undefined
      ? {}
      : { sasl: { mechanism: sasl.mechanism as 'plain', username: sasl.username, password: sasl.password.reveal() } }),
    // Whoever calls decides about another try; one is made where a leader has moved.
    retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 1_000 },
    logLevel: kafkajs.logLevel.NOTHING,
    socketFactory: wholeAnswers(opened),
  }
}

const COMPRESSION: Readonly<Record<NonNullable<ProducerOptions['compression']>, CompressionTypes>> = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  snappy: kafkajs.CompressionTypes.Snappy,
  lz4: kafkajs.CompressionTypes.LZ4,
  zstd: kafkajs.CompressionTypes.ZSTD,
}

/**
 * Two things that kafkajs's idempotent producer does not do by itself. It gives the sequence number of a batch that failed to
 * the next one, even when the broker has the first: the broker takes the second for its repetition, and it is lost, though
 * acknowledged. So after a batch that was given up the producer is left, and a new one, with a new producer id, goes on. And
 * it mixes up the numbers of two batches for one partition when the first has to be repeated: so they go one after the other.
 */
async function openProducer(kafka: Kafka, connection: Connection, options: ProducerOptions = {}): Promise<KafkaProducer> {
  const compression = COMPRESSION[options.compression ?? 'none']
  const connect = async (): Promise<Producer> => {
    const producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!, // asked even where a record names it
      // The least that kafkajs takes for an idempotent producer; it repeats under the same sequence numbers.
      retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 200 },
    })
    try {
      await producer.connect()
      return producer
    } catch (error) {
      await producer.disconnect().catch(() => {})
      throw error
    }
  }
  let current: Promise<Producer> | undefined = connect()
  await current
  const inUse = new Map<Promise<Producer>, number>()
  const tails = new Map<string, Promise<unknown>>()
  let closed = false

  /** Leaves a producer; it is disconnected when the last batch that uses it has ended. */
  const leave = (producer: Promise<Producer>): void => {
    if (current === producer) current = undefined
    if ((inUse.get(producer) ?? 0) === 0) void producer.then((p) => p.disconnect()).catch(() => {})
  }

  async function write(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<number> {
    const messages = records.map(({ key, value, headers, timestamp }) => ({
      partition,
      key: key === undefined ? null : textOrBuffer(key),
      value: value === null ? null : asBuffer(value),
      ...(headers === undefined ? {} : { headers: headersOf(headers) }),
      ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
    }))
    const givesUpAt = Date.now() + connection.requestTimeoutMs
    let unanswered: unknown
    for (let tries = 0; ; tries++) {
      const mine = (current ??= connect())
      inUse.set(mine, (inUse.get(mine) ?? 0) + 1)
      try {
        const [answer] = await (await mine).send({ topic, messages, acks: -1, compression })
        return Number(answer?.baseOffset)
      } catch (error) {
        const connected = await mine.then(
          () => true,
          () => false,
        )
        // kafkajs may tell of its failed reconnection in place of the request that was cut: only a plain no is one.
        if (connected && !isRefusal(error)) unanswered ??= error
        if (!connected && current === mine) current = undefined
        if (!isRetriable(error) || closed || Date.now() > givesUpAt) {
          if (connected) leave(mine)
          throw unanswered ?? error
        }
      } finally {
        const left = (inUse.get(mine) ?? 1) - 1
        if (left > 0) inUse.set(mine, left)
        else {
          inUse.delete(mine)
          if (current !== mine) leave(mine)
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]))
    }
  }

  return {
    async send(records) {
      if (closed) throw new Error('the producer is closed')
      const batches = new Map<string, { readonly topic: string; readonly partition: number; readonly at: number[] }>()
      for (const [at, { topic, partition }] of records.entries()) {
        const name = `${topic}/${partition}`
        const batch = batches.get(name)
        if (batch === undefined) batches.set(name, { topic, partition, at: [at] })
        else batch.at.push(at)
      }
      const outcomes: SendOutcome[] = []
      await Promise.all(
        Array.from(batches, async ([name, { topic, partition, at }]) => {
          const turn = tails.get(name) ?? Promise.resolve()
          const written = turn.then(() =>
            write(
              topic,
              partition,
              at.map((index) => records[index]!),
            ),
          )
          const tail = written.catch(() => {})
          tails.set(name, tail)
          const result = await written.then(
            (offset) => ({ offset }),
            (error: unknown) => ({ error }),
          )
          if (tails.get(name) === tail) tails.delete(name)
          for (const [index, position] of at.entries()) outcomes[position] = 'error' in result ? result : { offset: result.offset + index }
        }),
      )
      return outcomes
    },
    async close() {
      if (closed) return
      closed = true
      await Promise.all(tails.values())
      await current?.then((producer) => producer.disconnect()).catch(() => {})
    },
  }
}

function asBuffer(bytes: Uint8Array | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** kafkajs writes text straight into its request. */
function textOrBuffer(bytes: Uint8Array | string): Buffer | string {
  return typeof bytes === 'string' || Buffer.isBuffer(bytes) ? bytes : asBuffer(bytes)
}

/** Copied only where it holds what kafkajs does not take. */
function headersOf(headers: KafkaHeaders): Record<string, Buffer | string> {
  let copied: Record<string, Buffer | string> | undefined
  for (const name in headers) {
    const value = headers[name]!
    const taken = textOrBuffer(value)
    if (taken !== value) (copied ??= { ...headers } as Record<string, Buffer | string>)[name] = taken
  }
  return copied ?? (headers as Record<string, Buffer | string>)
}

/** What the broker answers when it certainly has not written. */
const NOT_WRITTEN: ReadonlySet<number> = new Set([2, 3, 5, 6, 8, 9, 10, 17, 18, 19, 29, 31, 32, 35, 44, 45, 47, 49, 56, 59, 74, 75, 87])
/** Answers that another try does not change. */
const FINAL: ReadonlySet<number> = new Set([10, 17, 18, 29, 31, 32, 35, 44, 45, 47, 49, 53, 59, 76, 87])

function isRetriable(error: unknown): boolean {
  const number = firstNumber(error)
  if (number !== undefined) return !FINAL.has(number)
  const { name } = error as Error
  return !/SASL|NotImplemented|Invariant|ServerDoesNotSupport/.test(rootOf(error).name) && name !== 'TypeError'
}

/** Did the broker say that it has not written? */
function isRefusal(error: unknown): boolean {
  const number = firstNumber(error)
  return number !== undefined && NOT_WRITTEN.has(number)
}

function rootOf(error: unknown): Error {
  let root = error as Error
  while (root.cause instanceof Error) root = root.cause
  return root
}

function firstNumber(error: unknown): number | undefined {
  for (let each = error as Error | undefined; each instanceof Error; each = each.cause as Error | undefined) {
    const number = protocolNumber(each)
    if (number !== undefined) return number
  }
  return undefined
}

/** How often, and how long in all, new topics are looked at until they have their leaders, in milliseconds. */
const LEADER_POLL_MS = 50
const LEADER_WAIT_MS = 30_000

function lazyAdmin(kafka: Kafka, makeCluster: () => Cluster): KafkaAdmin & { close(): Promise<void> } {
  let admin: Promise<Admin> | undefined
  let cluster: Promise<Cluster> | undefined
  const connected = (): Promise<Admin> => {
    admin ??= (async () => {
      const made = kafka.admin()
      await made.connect()
      return made
    })()
    admin.catch(() => (admin = undefined))
    return admin
  }
  const clustered = (): Promise<Cluster> => {
    cluster ??= (async () => {
      const made = makeCluster()
      await made.connect()
      return made
    })()
    cluster.catch(() => (cluster = undefined))
    return cluster
  }
  /** A broker may not have heard of what another has just made. */
  const untilLed = async (topic: string, partitions: number): Promise<void> => {
    for (const deadline = Date.now() + LEADER_WAIT_MS; ; await new Promise((resolve) => setTimeout(resolve, LEADER_POLL_MS))) {
      try {
        const [found] = (await (await connected()).fetchTopicMetadata({ topics: [topic] })).topics
        if (found!.partitions.filter(({ leader }) => leader >= 0).length >= partitions) return
      } catch (error) {
        if (Date.now() > deadline) throw error
      }
      if (Date.now() > deadline) throw Object.assign(new Error('no leader yet'), { type: 'LEADER_NOT_AVAILABLE', code: 5 })
    }
  }
  /** Once more with fresh metadata: a leader may have moved, a broker come back. */
  const refreshed = async <T>(work: (cluster: Cluster) => Promise<T>): Promise<T> => {
    const used = await clustered()
    try {
      return await work(used)
    } catch (error) {
      if (!isRetriable(error)) throw error
      await used.connect()
      await used.refreshMetadata()
      return work(used)
    }
  }
  return {
    async apiVersions() {
      const { versions } = (await clustered()).brokerPool
      return new Map(Object.entries(versions ?? {}).map(([key, { maxVersion }]) => [Number(key), maxVersion]))
    },
    async brokers() {
      const { brokers } = await (await connected()).describeCluster()
      return brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }))
    },
    topicNames: async () => (await (await connected()).listTopics()).filter((name) => !name.startsWith('__')),
    async topics(names) {
      const present = new Set(await (await connected()).listTopics())
      const known = names.filter((name) => present.has(name))
      if (known.length === 0) return []
      const { topics } = await (await connected()).fetchTopicMetadata({ topics: known })
      const found = new Map(topics.map(({ name, partitions }) => [name, partitions]))
      // The broker answers in an order of its own.
      return known.map((name) => ({
        name,
        partitions: found.get(name)?.length ?? 0,
        replicas: found.get(name)?.[0]?.replicas.length ?? 0,
      }))
    },
    async createTopics(specs) {
      const topics = specs.map(({ name, partitions, replicas, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      }))
      // One that exists is no error to kafkajs, but a `false`. Its own wait takes a broker that has not heard of the topic yet for
      // one that denies it.
      if (!(await (await connected()).createTopics({ waitForLeaders: false, topics })))
        throw Object.assign(new Error('a topic of this name exists'), { type: 'TOPIC_ALREADY_EXISTS', code: 36 })
      for (const { name, partitions } of specs) await untilLed(name, partitions)
    },
    async addPartitions(topic, count) {
      await (await connected()).createPartitions({ topicPartitions: [{ topic, count }] })
      await untilLed(topic, count)
    },
    deleteTopics: async (names) => (await connected()).deleteTopics({ topics: [...names] }),
    async topicConfig(name) {
      const { resources } = await (
        await connected()
      ).describeConfigs({ includeSynonyms: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }] })
      return Object.fromEntries(
        resources.flatMap(({ configEntries }) => configEntries.map((entry) => [entry.configName, entry.configValue])),
      )
    },
    async setTopicConfig(name, config) {
      const connectedAdmin = await connected()
      const { resources } = await connectedAdmin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }],
      })
      // kafkajs has AlterConfigs alone, which resets what it does not name: so what the topic has of its own is said again.
      const own = resources[0]!.configEntries.filter(({ configSource }) => (configSource as number) === TOPIC_SOURCE)
      const merged = { ...Object.fromEntries(own.map((entry) => [entry.configName, entry.configValue])), ...config }
      await connectedAdmin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: kafkajs.ConfigResourceTypes.TOPIC,
            name,
            configEntries: Object.entries(merged).map(([key, value]) => ({ name: key, value })),
          },
        ],
      })
    },
    offsets: (topic, at) =>
      refreshed(async (used) => {
        await used.addTargetTopic(topic)
        const partitions = used.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId }))
        const [found] = await used.fetchTopicsOffset([{ topic, partitions, fromBeginning: at === 'earliest' }])
        return (found?.partitions ?? []).map(({ partition, offset }) => ({ partition, offset: Number(offset) }))
      }),
    async deleteRecords(topic, before) {
      const partitions = before.map(({ partition, offset }) => ({ partition, offset: String(offset) }))
      const used = await connected()
      // Its leaders are found only for topics that were asked for before.
      await used.fetchTopicOffsets(topic)
      await used.deleteTopicRecords({ topic, partitions })
    },
    async close() {
      const [first, second] = [admin, cluster]
      admin = undefined
      cluster = undefined
      await first?.then((a) => a.disconnect()).catch(() => {})
      await second?.then((c) => c.disconnect()).catch(() => {})
    },
  }
}

/** `DYNAMIC_TOPIC_CONFIG` of Kafka's ConfigSource. */
const TOPIC_SOURCE = 1
