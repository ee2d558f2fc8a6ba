import type { IotLimits } from './types.js'

export const PUBLISHED: IotLimits = {
  publishesPerSecond: 100,
  leastKeepAliveSeconds: 30,
  subscriptionsPerConnection: 50,
  filtersPerSubscribe: 8,
  sessionExpirySeconds: 3_600,
  leastAuthorizerSeconds: 300,
}

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html, seen in November 2026. */
export const MAX_PAYLOAD_BYTES = 131_072
export const MAX_TOPIC_BYTES = 256
export const MAX_SLASHES = 7
export const MAX_CLIENT_ID_BYTES = 128
export const MAX_KEEP_ALIVE_SECONDS = 1_200
/** Of packets with QoS 1 that are not acknowledged yet, both ways. */
export const MAX_IN_FLIGHT = 100
export const MAX_PACKET_BYTES = 149_504
export const MAX_TOPIC_ALIASES = 8
export const MAX_AUTHORIZER_SECONDS = 86_400

/** Seconds of silence after which half as many more end the connection. */
export function keepAliveOf(asked: number, { leastKeepAliveSeconds }: IotLimits): number {
  return asked === 0 ? MAX_KEEP_ALIVE_SECONDS : Math.min(Math.max(asked, leastKeepAliveSeconds), MAX_KEEP_ALIVE_SECONDS)
}

/** Why a client may not publish to the topic, whatever its policy says. */
export function wrongTopic(topic: string): string | undefined {
  if (/[+#\0]/.test(topic)) return 'a topic has no wildcards'
  if (topic.startsWith('$')) return 'topics that begin with $ are the service’s'
  return wrongLength(topic)
}

/** Why there is no such subscription. */
export function wrongFilter(filter: string): string | undefined {
  const plain = plainFilter(filter)
  if (plain === undefined) return 'a shared subscription is $share/<name>/<filter>'
  const levels = plain.split('/')
  const misplaced = levels.some(
    (level, index) => (level.includes('#') && (level !== '#' || index < levels.length - 1)) || (level.includes('+') && level !== '+'),
  )
  return misplaced ? 'a wildcard stands alone in its level, # in the last' : wrongLength(plain)
}

/** Without `$share/<name>/`. */
export function plainFilter(filter: string): string | undefined {
  return filter.startsWith('$share/') ? /^\$share\/[^/+#]+\/(.+)$/.exec(filter)?.[1] : filter
}

function wrongLength(topic: string): string | undefined {
  if (topic === '' || Buffer.byteLength(topic) > MAX_TOPIC_BYTES) return `a topic has 1 to ${MAX_TOPIC_BYTES} bytes`
  return topic.split('/').length - 1 > MAX_SLASHES ? `a topic has at most ${MAX_SLASHES} slashes` : undefined
}

/** So many a second and no more; what is refused does not count. */
export class Rate {
  readonly #recent: number[] = []

  constructor(private readonly most: number) {}

  take(now = Date.now()): boolean {
    while (this.#recent.length > 0 && this.#recent[0]! <= now - 1_000) this.#recent.shift()
    if (this.#recent.length >= this.most) return false
    this.#recent.push(now)
    return true
  }
}
