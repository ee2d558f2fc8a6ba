import type { TopicSpec } from '../../client.js'
import { TOPIC_CONFIG, type TopicSettings } from '../topics.js'

type Prefix = Pick<TopicSettings, 'prefix'>

/** A queue's topic for the share engine, and the name of its share group. Not under the prefix: what is there is a queue. */
export function shareTopicOf(name: string, { prefix }: Prefix): string {
  return `share.${prefix}${name}`
}

/** Where the workers write how many jobs they hold. */
export function heldTopicOf({ prefix }: Prefix): string {
  return `share-held.${prefix}`.replace(/\.$/, '')
}

/**
 * What `pdvend provision` makes beside the queues' logs where the brokers have share groups. One partition a queue: with more of
 * them than workers, each would belong to one worker, and a burst in a queue would be that worker's alone.
 */
export function shareTopics(names: readonly string[], settings: TopicSettings): readonly TopicSpec[] {
  if (names.length === 0) return []
  const { replicas } = settings
  const jobs = names.map((name) => ({ name: shareTopicOf(name, settings), partitions: 1, replicas, config: TOPIC_CONFIG }))
  return [...jobs, { name: heldTopicOf(settings), partitions: 1, replicas, config: { 'cleanup.policy': 'compact' } }]
}
