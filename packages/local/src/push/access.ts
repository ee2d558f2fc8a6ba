import type { Session, Sessions } from './sessions.js'
import type { Registry } from './registry.js'
import { inboundTarget, parseTopic, presenceTopic, topicOf } from './topics.js'

const INSTANCE = /^[A-Za-z0-9-]{1,64}$/

/** [P46] Who may do what: a device reaches its own topics and nothing else, an instance its namespace. */
export class Access {
  constructor(
    private readonly registry: Registry,
    private readonly sessions: Sessions,
  ) {}

  maySubscribe({ identity }: Session, filter: string): boolean {
    const { role, ns, name } = identity
    if (role === 'app') return filter === presenceTopic(ns) || INSTANCE.test(inboundTarget(ns, filter) ?? '')
    if (filter === topicOf(ns, { device: name }) || filter === topicOf(ns, { all: true })) return true
    const groups = this.registry.device(ns, name)?.groups ?? new Set<string>()
    return [...groups].some((group) => filter === topicOf(ns, { group }))
  }

  mayPublish({ identity }: Session, topic: string): boolean {
    const parsed = parseTopic(topic)
    if (parsed === undefined || parsed.ns !== identity.ns) return false
    if (identity.role === 'app') return parsed.kind === 'd' || parsed.kind === 'g' || parsed.kind === 'all'
    return parsed.kind === 'up' && parsed.name === identity.name && INSTANCE.test(parsed.to!)
  }

  /** Asked for each message and receiver: grants may have changed since it subscribed [P3, P48, P50]. */
  mayReceive(session: Session, topic: string): boolean {
    if (session.identity.role === 'app') return true
    if (this.sessions.revoked(session)) return false
    const parsed = parseTopic(topic)
    return parsed?.kind !== 'g' || this.registry.device(session.identity.ns, session.identity.name)!.groups.has(parsed.name!)
  }
}
