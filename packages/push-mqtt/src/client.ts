import type { Socket } from 'node:net'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { PortError } from '@pdvend/ports'
import type { Broker } from './broker.js'

/** The app notices within one and a half times as long that its connection is dead, however long devices may be silent. */
const MAX_KEEPALIVE_SECONDS = 15
/** Messages that a broker may send before we acknowledge; brokers have bounds of their own (Mosquitto 20, EMQX 32). */
const RECEIVE_MAXIMUM = 1_000
/** Unacknowledged messages that we send at most, where the broker names no bound. */
const SEND_MAXIMUM = 1_000
/** CONNACK: the version is not supported, in MQTT 3.1.1 and 5. */
const WRONG_VERSION: readonly unknown[] = [1, 0x84]
/** How long goodbye may take, in milliseconds: mqtt.js may not end a WebSocket that is still being opened. */
const END_MS = 1_000
const CLOSED_EARLY = 'closed before CONNACK'

export type ProtocolLevel = 4 | 5

/** Which version to speak: `auto` is 5, or 3.1.1 where the broker refuses 5. */
export type Protocol = 'auto' | '5' | '3.1.1'

/** How to reach the broker: what all connections of one adapter have in common. */
export interface Endpoint {
  readonly broker: Broker
  /** Asked anew for each connection, for it may be signed. */
  readonly url: () => Promise<string>
  readonly connectTimeoutMs: number
  readonly keepAliveSeconds: number
  readonly options?: Pick<IClientOptions, 'ca' | 'cert' | 'key' | 'wsOptions'>
}

/** Who connects. Without user name and password: anybody. */
export interface Login {
  readonly clientId: string
  readonly username?: string
  readonly password?: string
}

/** What the broker said when it let us in. */
export interface Welcome {
  readonly level: ProtocolLevel
  /** Unacknowledged messages that it takes from us. */
  readonly sendMaximum: number
  /** Largest packet that it takes, in bytes. */
  readonly maximumPacketSize: number | undefined
  readonly sharedSubscriptions: boolean
}

/** MQTT 5 where the broker speaks it, else 3.1.1; or the one that is asked for. */
export async function negotiate(
  endpoint: Endpoint,
  login: Login,
  wanted: Protocol,
  signal: AbortSignal,
): Promise<{ readonly client: MqttClient; readonly welcome: Welcome }> {
  if (wanted !== 'auto') return connect(endpoint, login, wanted === '5' ? 5 : 4, signal)
  try {
    return await connect(endpoint, login, 5, signal)
  } catch (error) {
    if (!isVersionRefusal(error)) throw error
    return connect(endpoint, login, 4, signal)
  }
}

/** One connection, never made again by itself. @throws what the broker's table says */
export async function connect(
  { broker, url, connectTimeoutMs, keepAliveSeconds, options }: Endpoint,
  login: Login,
  level: ProtocolLevel,
  signal: AbortSignal,
): Promise<{ readonly client: MqttClient; readonly welcome: Welcome }> {
  const address = await url()
  signal.throwIfAborted()
  const client = mqtt.connect(address, {
    ...options,
    ...login,
    protocolVersion: level,
    ...(level === 5 && { properties: { receiveMaximum: RECEIVE_MAXIMUM } }),
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: connectTimeoutMs,
    keepalive: Math.min(keepAliveSeconds, MAX_KEEPALIVE_SECONDS),
  })
  let stop = (): void => {}
  try {
    return await new Promise((resolve, reject) => {
      stop = () => reject(signal.reason as Error)
      signal.addEventListener('abort', stop, { once: true })
      client.on('error', reject)
      // mqtt.js keeps to itself that a WebSocket was refused.
      let broken: unknown
      client.stream.once('error', (error) => (broken = error))
      client.once('close', () =>
        reject(upgradeStatus(broken) === undefined ? Object.assign(new Error(CLOSED_EARLY), { code: CLOSED_EARLY }) : (broken as Error)),
      )
      client.once('connect', ({ properties }) => {
        // mqtt.js 5 leaves Nagle on: an acknowledgement on its way then holds the next packet back for up to 40 ms.
        ;(client.stream as Partial<Socket>).setNoDelay?.(true)
        const { receiveMaximum = SEND_MAXIMUM, maximumPacketSize, sharedSubscriptionAvailable = true } = properties ?? {}
        const welcome = {
          level,
          sendMaximum: Math.min(receiveMaximum, SEND_MAXIMUM),
          maximumPacketSize,
          sharedSubscriptions: sharedSubscriptionAvailable,
        }
        resolve({ client, welcome })
      })
    })
  } catch (cause) {
    await end(client)
    throw refusal(broker, cause, address)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Ends a connection: `politely` says goodbye first. */
export async function end(client: MqttClient, politely = false): Promise<void> {
  client.removeAllListeners('message')
  client.on('error', () => {})
  const ended = client.endAsync(!politely || !client.connected).catch(() => {})
  let late: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => (late = setTimeout(resolve, END_MS)))
  await Promise.race([ended, enough])
  clearTimeout(late)
  client.stream.destroy()
}

/** @throws PERMISSION_DENIED naming the filter */
export async function subscribe(broker: Broker, client: MqttClient, filters: readonly string[]): Promise<void> {
  const granted = await client.subscribeAsync([...filters], { qos: 1 }).then(
    (grants) => grants.map(({ qos }) => qos),
    (cause: { readonly packet?: { readonly granted?: readonly unknown[] } }) => {
      // mqtt.js rejects where the broker refuses one of them.
      if (client.connected && Array.isArray(cause.packet?.granted)) return cause.packet.granted.map(Number)
      throw broker.error('UNAVAILABLE', 'receive', 'the connection was lost', cause)
    },
  )
  const refused = filters.filter((_, index) => granted[index]! > 2)
  if (refused.length === 0) return
  throw broker.error(
    'PERMISSION_DENIED',
    'receive',
    `the broker does not let the app subscribe to ${refused.join(', ')}: check ${broker.rules}`,
  )
}

/**
 * Keeps the acknowledgement of each message until `handle` has ended. mqtt.js 5 reads nothing more while an acknowledgement
 * of its own is due, so one slow handler would stop all, answers to what it sends included: its PUBACKs are held back instead,
 * and go out in the order of the messages, as MQTT demands [MQTT-4.6.0-2].
 */
export function acknowledgeAfter(
  client: MqttClient,
  handle: (topic: string, payload: Uint8Array, retained: boolean) => Promise<void>,
): void {
  type Packet = { readonly cmd: string; readonly messageId?: number }
  const raw = client as unknown as { _sendPacket: (packet: Packet, done?: () => void, ...rest: unknown[]) => void }
  const send = raw._sendPacket.bind(client)
  let former: Promise<void> = Promise.resolve()
  let handled: Promise<void> | undefined
  raw._sendPacket = (packet, done, ...rest) => {
    if (packet.cmd !== 'puback' || handled === undefined) return send(packet, done, ...rest)
    former = Promise.all([former, handled]).then(() => {
      if (client.connected) send(packet)
    })
    handled = undefined
    done?.()
  }
  client.on('message', (topic, payload, { qos, retain }) => {
    const handling = handle(topic, payload, retain)
    // Its acknowledgement is the next packet that mqtt.js sends, in the same turn.
    if (qos === 1) handled = handling.catch(() => {})
  })
}

function isVersionRefusal(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } }
  return WRONG_VERSION.includes(cause?.code) || cause?.code === CLOSED_EARLY
}

function refusal(broker: Broker, cause: unknown, url: string): PortError {
  const { code, message } = cause as { code?: unknown; message?: unknown }
  const status = upgradeStatus(cause)
  if (status === '401' || status === '403')
    return broker.error('UNAUTHENTICATED', 'open', `the address is refused (HTTP ${status}): check ${broker.login}`, cause)
  if (status !== undefined) {
    const detail = `no MQTT by WebSocket is there (HTTP ${status}): check ${broker.address}`
    return broker.error(status.startsWith('5') ? 'UNAVAILABLE' : 'CONFIG_INVALID', 'open', detail, cause)
  }
  // At CONNECT brokers answer with both codes for bad credentials (Mosquitto 2.0 with 135).
  if (code === 135) return broker.fail('open', Object.assign(new Error('not authorized', { cause }), { code: 134 }))
  if (WRONG_VERSION.includes(code)) {
    const mend = code === 0x84 ? '3.1.1' : 'the other one'
    return broker.error(
      'CONFIG_INVALID',
      'open',
      `the broker refuses this MQTT version: set PDVEND_PUSH_PROTOCOL to auto or ${mend}`,
      cause,
    )
  }
  if (code === CLOSED_EARLY || code === 'ECONNRESET') {
    const { protocol } = new URL(url)
    const detail = `the broker closed the connection without an answer: check ${protocol}// and the port of ${broker.address}`
    return broker.error('UNAVAILABLE', 'open', detail, cause)
  }
  if (message === 'connack timeout')
    return broker.error('UNAVAILABLE', 'open', `no broker answers there in time: check ${broker.address}`, cause)
  return broker.fail('open', cause)
}

/** With what HTTP status a WebSocket was refused; the ws library tells it in the message alone. */
function upgradeStatus(error: unknown): string | undefined {
  return /^Unexpected server response: (\d+)$/.exec((error as Error | undefined)?.message ?? '')?.[1]
}

export type { MqttClient }
