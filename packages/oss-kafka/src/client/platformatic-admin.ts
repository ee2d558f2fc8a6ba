import type { Admin } from '@platformatic/kafka'
import type { KafkaAdmin, TopicInfo } from '../client.js'
import { closing, honest, isAnswer, type Library, type Options } from './platformatic-library.js'

/** How often, and how long in all, new topics are looked at until they have their leaders, in milliseconds. */
const LEADER_POLL_MS = 50
const LEADER_WAIT_MS = 30_000

export function platformaticAdmin(library: Library, options: Options): KafkaAdmin & { close(): Promise<void> } {
  const { ConfigResourceTypes, FetchIsolationLevels, IncrementalAlterConfigOperationTypes, ListOffsetTimestamps } = library
  let current: Admin | undefined

  /** A client that got no answer is dropped; the next call makes a new one. */
  async function ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = (current ??= new library.Admin({ ...options, retries: 2, retryDelay: 200 }))
    try {
      return await question(admin)
    } catch (error) {
      if (!isAnswer(library, error) && current === admin) {
        current = undefined
        void closing(() => admin.close())
      } else admin.clearMetadata()
      throw honest(library, error)
    }
  }

  async function known(names: readonly string[]): Promise<readonly (TopicInfo & { readonly ready: boolean })[]> {
    return ask(async (admin) => {
      const present = new Set(await admin.listTopics())
      const wanted = names.filter((name) => present.has(name))
      if (wanted.length === 0) return []
      const { topics } = await admin.metadata({ topics: wanted, forceUpdate: true })
      return wanted.map((name) => {
        const { partitions, partitionsCount } = topics.get(name)!
        const led = partitions.filter(({ leader }) => leader >= 0)
        return { name, partitions: partitionsCount, replicas: partitions[0]?.replicas.length ?? 0, ready: led.length === partitionsCount }
      })
    })
  }

  /** A broker may not have heard of what another has just made. */
  async function untilReady(names: ReadonlyMap<string, number>): Promise<void> {
    for (const deadline = Date.now() + LEADER_WAIT_MS; ; await new Promise((resolve) => setTimeout(resolve, LEADER_POLL_MS))) {
      const topics = await known([...names.keys()]).catch((error: unknown) => {
        if (Date.now() > deadline) throw error
        return []
      })
      if (topics.filter(({ name, partitions, ready }) => ready && partitions >= names.get(name)!).length === names.size) return
      if (Date.now() > deadline) throw new library.ProtocolError('LEADER_NOT_AVAILABLE')
    }
  }

  return {
    apiVersions: () => ask(async (admin) => new Map((await admin.listApis()).map(({ apiKey, maxVersion }) => [apiKey, maxVersion]))),
    brokers: () =>
      ask(async (admin) => {
        const { brokers } = await admin.metadata({ topics: [], forceUpdate: true })
        return Array.from(brokers, ([id, { host, port }]) => ({ id, host, port }))
      }),
    topicNames: () => ask(async (admin) => (await admin.listTopics()).filter((name) => !name.startsWith('__'))),
    topics: async (names) => (await known(names)).map(({ name, partitions, replicas }) => ({ name, partitions, replicas })),
    async createTopics(specs) {
      for (const { name, partitions, replicas, config } of specs)
        await ask((admin) =>
          admin.createTopics({
            topics: [name],
            partitions,
            replicas,
            configs: Object.entries(config).map(([key, value]) => ({ name: key, value })),
          }),
        )
      await untilReady(new Map(specs.map(({ name, partitions }) => [name, partitions])))
    },
    async addPartitions(topic, partitions) {
      await ask((admin) => admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] }))
      await untilReady(new Map([[topic, partitions]]))
    },
    deleteTopics: (names) => ask((admin) => admin.deleteTopics({ topics: [...names] })),
    topicConfig: (name) =>
      ask(async (admin) => {
        const [described] = await admin.describeConfigs({ resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name }] })
        return Object.fromEntries((described?.configs ?? []).map((entry) => [entry.name, entry.value ?? '']))
      }),
    setTopicConfig: (name, config) =>
      ask((admin) =>
        admin.incrementalAlterConfigs({
          resources: [
            {
              resourceType: ConfigResourceTypes.TOPIC,
              resourceName: name,
              configs: Object.entries(config).map(([key, value]) => ({
                name: key,
                configOperation: IncrementalAlterConfigOperationTypes.SET,
                value,
              })),
            },
          ],
        }),
      ),
    offsets: (topic, at) =>
      ask(async (admin) => {
        const { topics } = await admin.metadata({ topics: [topic] })
        const timestamp = at === 'earliest' ? ListOffsetTimestamps.EARLIEST : ListOffsetTimestamps.LATEST
        const partitions = topics.get(topic)!.partitions.map((_, partitionIndex) => ({ partitionIndex, timestamp }))
        const [listed] = await admin.listOffsets({
          topics: [{ name: topic, partitions }],
          isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
        })
        return (listed?.partitions ?? []).map(({ partitionIndex, offset }) => ({ partition: partitionIndex, offset: Number(offset) }))
      }),
    async deleteRecords(topic, before) {
      const partitions = before.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }))
      await ask((admin) => admin.deleteRecords({ topics: [{ name: topic, partitions }] }))
    },
    async close() {
      const admin = current
      current = undefined
      if (admin !== undefined) await closing(() => admin.close())
    },
  }
}
