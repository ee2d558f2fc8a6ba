import type { Target } from '@pdvend/ports'

/**
 * The only place that knows topics. At most six levels and 256 bytes, no leading `$`:
 * `pdv/<ns>/d/<device>`, `pdv/<ns>/g/<group>`, `pdv/<ns>/all` to devices; `pdv/<ns>/up/<device>/<app or instance>` from them;
 * `pdv/<ns>/presence` from the broker to the app.
 */
export function topicOf(ns: string, to: Target): string {
  if ('device' in to) return `pdv/${ns}/d/${to.device}`
  return 'group' in to ? `pdv/${ns}/g/${to.group}` : `pdv/${ns}/all`
}

export function presenceTopic(ns: string): string {
  return `pdv/${ns}/presence`
}

/** Base of what a device publishes. */
export function upTopic(ns: string, device: string): string {
  return `pdv/${ns}/up/${device}`
}

/** What an instance of the app subscribes to: its share of what is for any, and what is for it. */
export function inboundFilters(ns: string, instance: string): readonly [shared: string, own: string] {
  return [`pdv/${ns}/up/+/app`, `pdv/${ns}/up/+/${instance}`]
}

/** `app` or the instance that a filter of `inboundFilters` is for. */
export function inboundTarget(ns: string, filter: string): string | undefined {
  const prefix = `pdv/${ns}/up/+/`
  return filter.startsWith(prefix) ? filter.slice(prefix.length) : undefined
}

export interface ParsedTopic {
  readonly ns: string
  readonly kind: 'd' | 'g' | 'all' | 'up' | 'presence'
  /** Device or group. */
  readonly name?: string
  /** Of `up`: `app` or an instance. */
  readonly to?: string
}

const LEVELS = { d: 4, g: 4, all: 3, up: 5, presence: 3 } as const

/** Reads a topic of ours; undefined for anything else. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  const levels = topic.split('/')
  const [root, ns, kind, name, to] = levels
  if (root !== 'pdv' || !ns || kind === undefined || !Object.hasOwn(LEVELS, kind)) return undefined
  if (levels.length !== LEVELS[kind as keyof typeof LEVELS] || levels.some((level) => level === '')) return undefined
  return { ns, kind: kind as ParsedTopic['kind'], ...(name === undefined ? {} : { name }), ...(to === undefined ? {} : { to }) }
}
