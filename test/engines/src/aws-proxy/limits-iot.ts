import { THROTTLED } from './answers.js'
import type { Limits, Refusal } from './types.js'

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html, seen in November 2026. */
const MAX_PAYLOAD_BYTES = 131_072
const MAX_TOPIC_BYTES = 256
const MAX_SLASHES = 7
const MAX_PUBLISHES_A_SECOND = 100

/** The data plane: publishes and messages to one device. */
export function iotLimits(now: () => number = Date.now, publishesPerSecond = MAX_PUBLISHES_A_SECOND): Limits {
  const publishes = new WeakMap<object, number[]>()
  return {
    check({ method, path, query, body, connection }) {
      const direct = /^\/connections\/[^/]+\/messages$/.test(path)
      const topic = direct ? query.get('topic') : topicOf(path)
      if (method !== 'POST' || topic === null || topic === undefined) return undefined
      if ((body?.byteLength ?? 0) > MAX_PAYLOAD_BYTES)
        return { status: 413, code: 'RequestEntityTooLargeException', message: `Payload exceeds ${MAX_PAYLOAD_BYTES} bytes` }
      if (topic === '' || Buffer.byteLength(topic) > MAX_TOPIC_BYTES) return invalid(`Topic must have 1 to ${MAX_TOPIC_BYTES} bytes`)
      if (topic.split('/').length - 1 > MAX_SLASHES) return invalid(`Topic has more than ${MAX_SLASHES} forward slashes`)
      if (/[+#]/.test(topic)) return invalid('Topic must not contain wildcards')
      if (Number(query.get('qos') ?? 0) > 1) return invalid('QoS must be 0 or 1')
      const at = now()
      const recent = (publishes.get(connection) ?? []).filter((earlier) => earlier > at - 1_000)
      publishes.set(connection, [...recent, at])
      return recent.length >= publishesPerSecond ? THROTTLED.iot : undefined
    },
  }
}

function topicOf(path: string): string | undefined {
  const encoded = /^\/topics\/(.*)$/.exec(path)?.[1]
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

function invalid(message: string): Refusal {
  return { status: 400, code: 'InvalidRequestException', message }
}
