import type { ISubackPacket, ISubscribePacket, ISubscription } from 'mqtt-packet'
import { type IotLimits, type DisconnectReason } from './types.js'
import { plainFilter, wrongFilter } from './limits.js'
import type { Allows } from './policy.js'

const NOT_AUTHORIZED = 0x87
const INVALID = 0x8f
const QUOTA_EXCEEDED = 0x97

/** A SUBSCRIBE of which some filters may be refused: the broker sees the others, the client one answer to all. */
export interface Screened {
  /** What goes on; undefined when nothing does. */
  readonly forward: ISubscribePacket | undefined
  /** The answer, from the broker's to what went on. */
  answer(granted: readonly number[]): ISubackPacket
  /** What is subscribed now, with its QoS. */
  taken(granted: readonly number[]): readonly (readonly [filter: string, qos: number])[]
}

/** Why the whole packet ends the connection. */
export interface Offence {
  readonly reason: DisconnectReason
  readonly detail: string
}

/**
 * What AWS lets through: no QoS 2 (granted 1), so many filters, what the policy allows; retained messages for exact filters alone, as
 * was reported of AWS (engines do as the standard says).
 */
export function screen(
  packet: ISubscribePacket,
  known: ReadonlyMap<string, number>,
  allows: Allows,
  limits: IotLimits,
): Screened | Offence {
  const { subscriptions } = packet
  if (subscriptions.length > limits.filtersPerSubscribe)
    return { reason: 'CLIENT_ERROR', detail: `a SUBSCRIBE has at most ${limits.filtersPerSubscribe} filters` }
  const wanted = new Set(known.keys())
  const verdicts = subscriptions.map(({ topic }) => {
    if (wrongFilter(topic) !== undefined) return INVALID
    if (!allows('iot:Subscribe', `topicfilter/${topic}`)) return NOT_AUTHORIZED
    if (!wanted.has(topic) && wanted.size >= limits.subscriptionsPerConnection) return QUOTA_EXCEEDED
    wanted.add(topic)
    return 0
  })
  const allowed = subscriptions.filter((_, index) => verdicts[index] === 0)
  const all = (granted: readonly number[]): number[] => {
    const rest = [...granted]
    return verdicts.map((verdict) => (verdict === 0 ? rest.shift()! : verdict))
  }
  return {
    forward: allowed.length === 0 ? undefined : { cmd: 'subscribe', messageId: packet.messageId!, subscriptions: allowed.map(asServed) },
    answer: (granted) => ({ cmd: 'suback', messageId: packet.messageId!, granted: all(granted) }),
    taken: (granted) => allowed.flatMap(({ topic }, index) => (granted[index]! <= 1 ? [[topic, granted[index]!] as const] : [])),
  }
}

function asServed({ topic, qos, nl = false, rap = false, rh = 0 }: ISubscription): ISubscription {
  const wild = /[+#]/.test(plainFilter(topic)!)
  return { topic, qos: qos === 0 ? 0 : 1, nl, rap, rh: wild ? 2 : rh }
}
