import { type AdapterDeps, PortError, type ProvisionPlan } from '@pdvend/ports'
import { brokerSeries, whyTooOld } from '../broker.js'
import { type KafkaAdmin, openClient } from '../client.js'
import { connectionOf } from '../connection.js'
import { planTopics } from '../provision.js'
import type { Settings } from './config.js'
import { ADAPTER, fail } from './errors.js'

const DAY_MS = 86_400_000
/** Smallest `max.message.bytes` of a topic that is of use, in bytes: Kafka's default is 1,048,588. */
const LEAST_MESSAGE_BYTES = 16_384

/** What is known of the topic since `open`. */
export interface Topic {
  readonly partitions: number
  readonly replicas: number
  /** Largest record batch that it takes. */
  readonly maxMessageBytes: number
  /** Series of the broker, e.g. `4.2`. */
  readonly broker: string
}

/**
 * The topic, when events may go there.
 * @throws UNSUPPORTED the brokers are too old | NOT_FOUND no such topic | CONFIG_INVALID too few partitions, compacted, or too small batches
 */
export async function checkedTopic(admin: KafkaAdmin, { topic: name, partitions: wanted }: Settings): Promise<Topic> {
  const apis = await admin.apiVersions()
  const old = whyTooOld(apis)
  const refuse = (code: 'UNSUPPORTED' | 'NOT_FOUND' | 'CONFIG_INVALID', detail: string): PortError =>
    new PortError(code, { adapter: ADAPTER, operation: 'open', target: name, detail })
  if (old !== undefined) throw refuse('UNSUPPORTED', `the Kafka at PDVEND_TELEMETRY_BROKERS is too old: ${old}`)
  const [topic] = await admin.topics([name])
  if (topic === undefined)
    throw refuse('NOT_FOUND', `there is no such topic: make it by \`pdvend provision\`, or check PDVEND_TELEMETRY_TOPIC`)
  if (topic.partitions < wanted)
    throw refuse(
      'CONFIG_INVALID',
      `the topic has ${topic.partitions} partition${topic.partitions === 1 ? '' : 's'}, and PDVEND_TELEMETRY_PARTITIONS asks for ${wanted}: add them by \`pdvend provision\`, or ask for fewer`,
    )
  const config = await admin.topicConfig(name)
  if (/compact/.test(config['cleanup.policy'] ?? ''))
    throw refuse('CONFIG_INVALID', 'the topic is compacted, which deletes events: check PDVEND_TELEMETRY_TOPIC')
  const maxMessageBytes = Number(config['max.message.bytes'] ?? 1_048_588)
  if (maxMessageBytes < LEAST_MESSAGE_BYTES)
    throw refuse('CONFIG_INVALID', `max.message.bytes of the topic is ${maxMessageBytes}; ${LEAST_MESSAGE_BYTES} or more are needed`)
  return { partitions: topic.partitions, replicas: topic.replicas, maxMessageBytes, broker: brokerSeries(apis) }
}

/** One topic for all events. */
export async function planTelemetry(settings: Settings, { signal }: AdapterDeps): Promise<ProvisionPlan> {
  const { topic, partitions, replicas = -1, retentionDays } = settings
  const client = await openClient(await connectionOf(settings, 'TELEMETRY', ADAPTER))
  const close = (): void => void client.close().catch(() => undefined)
  signal.addEventListener('abort', close, { once: true })
  const config = {
    'cleanup.policy': 'delete',
    'retention.ms': String(retentionDays * DAY_MS),
    'max.message.bytes': '1048588',
    // Retention counts from a record's time: a till whose clock is wrong must not have its events deleted, or refused.
    'message.timestamp.type': 'LogAppendTime',
  }
  // A key's later events may overtake its earlier ones while partitions are added, and none is lost.
  const plan = await planTopics(client, [{ name: topic, partitions, replicas, config }], { adapter: ADAPTER, fail, growth: 'any-time' })
  return {
    ...plan,
    async close() {
      signal.removeEventListener('abort', close)
      await plan.close()
    },
  }
}
