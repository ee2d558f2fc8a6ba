import { writeFile } from 'node:fs/promises'
import type { Place } from '../launcher.js'

/** One node of a cluster, alone or among others on this machine. */
export interface KafkaNode {
  readonly id: number
  /** Of every node, this one among them. */
  readonly controllers: readonly { readonly id: number; readonly port: number }[]
}

/** A node that is broker and controller and needs no second. */
export function alone(place: Place): KafkaNode {
  return { id: 1, controllers: [{ id: 1, port: place.ports[1]! }] }
}

/** Writes the node's `server.properties`; what `extra` says wins. */
export async function writeProperties(
  file: string,
  place: Place,
  node: KafkaNode = alone(place),
  extra: Readonly<Record<string, string>> = {},
): Promise<void> {
  const lines = Object.entries({ ...properties(place, '127.0.0.1', node), ...extra }).map(([key, value]) => `${key}=${value}\n`)
  await writeFile(file, lines.join(''))
}

/** A node's settings: three copies of the internal topics where there are three nodes; starts groups at once, and lets share groups have locks short enough for tests. */
export function properties(
  { version, data, ports: [port, controller] }: Place,
  bind: string,
  { id, controllers }: KafkaNode,
): Readonly<Record<string, string>> {
  const copies = Math.min(3, controllers.length)
  const internal = (topic: string): Record<string, string> => ({
    [`${topic}.replication.factor`]: String(copies),
    [`${topic}.min.isr`]: String(Math.min(2, copies)),
    [`${topic}.num.partitions`]: '1',
  })
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': controllers.map((each) => `${each.id}@127.0.0.1:${each.port}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${bind}:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': data,
    // A node that was killed may come back only when its last session has run out: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '250',
    'offsets.topic.replication.factor': String(copies),
    'offsets.topic.num.partitions': '1',
    ...internal('transaction.state.log'),
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '2097152',
    'auto.create.topics.enable': 'false',
    ...(version.startsWith('3.') ? {} : shareGroups(version, internal)),
  }
}

function shareGroups(version: string, internal: (topic: string) => Record<string, string>): Readonly<Record<string, string>> {
  return {
    ...internal('share.coordinator.state.topic'),
    'group.share.min.record.lock.duration.ms': '1000',
    'group.share.record.lock.duration.ms': '3000',
    'group.share.min.heartbeat.interval.ms': '500',
    'group.share.heartbeat.interval.ms': '1000',
    'group.share.min.session.timeout.ms': '3000',
    'group.share.session.timeout.ms': '4000',
    'group.share.assignment.interval.ms': '0',
    'group.share.max.delivery.count.limit': '25',
    ...(version.startsWith('4.4') ? { 'errors.deadletterqueue.auto.create.topics.enable': 'true' } : {}),
  }
}
