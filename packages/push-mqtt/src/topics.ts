import type { Target } from '@pdvend/ports'

/**
 * The only place that knows topics and names at the broker. Topics have at most five levels and 256 bytes, no leading `$`:
 * `pdv/<ns>/d/<device>`, `pdv/<ns>/g/<group>`, `pdv/<ns>/all` to devices; `pdv/<ns>/up/<device>/<app or instance>` from them;
 * `pdv/<ns>/presence/<device>` retained, from a device or from the app in its place; `pdv/<ns>/fence/<instance>` to oneself.
 */
export function topicOf(ns: string, to: Target): string {
  if ('device' in to) return `pdv/${ns}/d/${to.device}`
  return 'group' in to ? `pdv/${ns}/g/${to.group}` : `pdv/${ns}/all`
}

export function presenceTopic(ns: string, device: string): string {
  return `pdv/${ns}/presence/${device}`
}

/** Base of what a device publishes. */
export function upTopic(ns: string, device: string): string {
  return `pdv/${ns}/up/${device}`
}

export function fenceTopic(ns: string, instance: string): string {
  return `pdv/${ns}/fence/${instance}`
}

/** A subscription whose messages each reach one of its members. MQTT 5 has it; 3.1.1 brokers mostly do. */
export function shared(group: string, filter: string): string {
  return `$share/${group}/${filter}`
}

/** What an instance of the app subscribes to: what is for any, of which it gets its share where the broker can, and what is for it. */
export function inboundFilters(ns: string, instance: string, sharing = true): readonly [any: string, own: string] {
  const any = `${upTopic(ns, '+')}/app`
  return [sharing ? shared(`pdv-${ns}`, any) : any, `${upTopic(ns, '+')}/${instance}`]
}

export interface ParsedTopic {
  readonly kind: 'up' | 'presence' | 'fence'
  /** Device; of `fence` the instance. */
  readonly name: string
  /** Of `up`: `app` or an instance. */
  readonly to?: string
}

const LEVELS = { up: 5, presence: 4, fence: 4 } as const

/** Reads a topic that the app receives in its namespace; undefined for anything else. */
export function parseTopic(ns: string, topic: string): ParsedTopic | undefined {
  const levels = topic.split('/')
  const [root, space, kind, name, to] = levels
  if (root !== 'pdv' || space !== ns || kind === undefined || !Object.hasOwn(LEVELS, kind)) return undefined
  if (levels.length !== LEVELS[kind as keyof typeof LEVELS] || levels.some((level) => level === '')) return undefined
  return { kind: kind as ParsedTopic['kind'], name: name!, ...(to === undefined ? {} : { to }) }
}

/** What one device may do: topic filters, each without a wildcard but the last level of what it publishes. */
export interface Grants {
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
}

/** [P46] A device's own topics, its groups', and nothing else. */
export function grantsOf(ns: string, device: string, groups: readonly string[]): Grants {
  return {
    subscribe: [topicOf(ns, { device }), ...groups.map((group) => topicOf(ns, { group })), topicOf(ns, { all: true })],
    publish: [`${upTopic(ns, device)}/+`, presenceTopic(ns, device)],
  }
}

/** Client id of a device. `~` is in no name; `/` would break the topics in which EMQX tells of clients. */
export function clientIdOf(ns: string, device: string): string {
  return `device~${ns}~${device}`
}

/** The device of a client id of this namespace. */
export function deviceOf(ns: string, clientId: string): string | undefined {
  const [role, space, device, ...rest] = clientId.split('~')
  return role === 'device' && space === ns && device !== undefined && device !== '' && rest.length === 0 ? device : undefined
}
