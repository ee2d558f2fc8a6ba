import type { TopicSpec } from '../client.js'

/** A queue's topic has one partition: its records are in one order. */
export const PARTITION = 0

/** Most bytes of a payload: what the embedded store takes too, so that jobs stay movable between profiles. */
export const MAX_PAYLOAD_BYTES = 1_048_576

/**
 * A queue's topic. Kafka itself deletes nothing of it, neither by age nor by size: the workers do, and only what is before the
 * oldest job that is not done. A batch may be as large as the largest job with its headers.
 */
export const TOPIC_CONFIG: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'max.message.bytes': String(2 * MAX_PAYLOAD_BYTES),
  // Deleted records free the disk a whole segment at a time.
  'segment.bytes': '67108864',
}

export interface TopicSettings {
  readonly prefix: string
  /** -1: the provisioner's default. */
  readonly replicas: number
}

/** One topic a job name (docs/decisions/0002). */
export function topicOf(name: string, { prefix }: Pick<TopicSettings, 'prefix'>): string {
  return `${prefix}${name}`
}

/** The job name of a topic; undefined where it is not one of this prefix. */
export function nameOf(topic: string, { prefix }: Pick<TopicSettings, 'prefix'>): string | undefined {
  return topic.startsWith(prefix) && topic.length > prefix.length ? topic.slice(prefix.length) : undefined
}

/** What `pdvend provision` makes for these job names. */
export function jobTopics(names: readonly string[], settings: TopicSettings): readonly TopicSpec[] {
  const { replicas } = settings
  return names.map((name) => ({ name: topicOf(name, settings), partitions: 1, replicas, config: TOPIC_CONFIG }))
}
