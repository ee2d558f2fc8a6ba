import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { backoffMs, type Clock, type DeviceConnection, orAborted, PortError, type RetryPolicy, sleep } from '@pdvend/ports/wire'
import { Announcer } from './announcer.js'
import type { StatusLine } from './status.js'
import { Window } from './window.js'

/** How the connection ended, or why there was none. */
type End = 'lost' | 'refused' | 'renew' | 'takenOver' | 'closed'

export interface LinkParts {
  readonly clock: Clock
  readonly random: () => number
  readonly status: StatusLine
  /** Wait before a new try: exponential, full jitter. */
  readonly reconnect: RetryPolicy
  /** `tcp` prefers mqtt:// and mqtts://, `ws` takes only ws:// and wss://. */
  readonly transport: 'tcp' | 'ws'
  connection(): Promise<DeviceConnection>
  /** The app's time in milliseconds, as far as this machine knows it. */
  now(): number
  /** A new connection is in force. */
  renewed(connection: DeviceConnection): void
  /** Bytes from the app. */
  received(bytes: Uint8Array): void
  connected(): void
  disconnected(): void
}

const CONNECT_TIMEOUT_MS = 10_000
/** How long goodbye may take, in milliseconds. */
const END_MS = 1_000
/** A new connection is fetched when this part of the old one's life is over. */
const RENEW_AT = 0.8
/** A roll call is answered within so many milliseconds, each device at another time. */
const ROLL_CALL_MS = 1_000
/** Frames on their way at once, where the broker names no bound. */
const MOST_UNACKNOWLEDGED = 1_000
/** Topics of one SUBSCRIBE: AWS IoT ends a connection that sends more. */
const TOPICS_AT_ONCE = 8
/** MQTT 5 reason codes of a DISCONNECT. */
const SESSION_TAKEN_OVER = 0x8e
const ADMINISTRATIVE_ACTION = 0x98

/** One MQTT connection at a time, made again whenever it is lost, with credentials that are fetched again before they end. */
export class Link {
  #connection: DeviceConnection | undefined
  #client: MqttClient | undefined
  #end: ((end: End) => void) | undefined
  #attempt = 0
  /** Credentials that were fetched for this very try have been refused. */
  #refusedFresh = 0
  #fresh = false
  #resume: (() => void) | undefined
  #regranting: Promise<unknown> = Promise.resolve()
  readonly #ended = new AbortController()
  #running: Promise<void> | undefined

  readonly #window = new Window()
  #announcer: Announcer

  constructor(private readonly parts: LinkParts) {
    this.#announcer = new Announcer(parts.now)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Sends at QoS 1; resolves when the broker has it. Rejects while there is no connection. */
  async publish(to: string, bytes: Uint8Array): Promise<void> {
    const client = this.#client
    if (client === undefined || !client.connected || this.#connection === undefined)
      throw new PortError('UNAVAILABLE', { operation: 'send', detail: 'the device is offline' })
    const topic = `${this.#connection.publish}/${to}`
    await this.#window.run(() => client.publishAsync(topic, bytes as Buffer, { qos: 1 }))
  }

  /**
   * The app has changed what this device may do: new topics at once, new credentials from the next connection on. False when
   * that next connection has to come at once, by the engine's way of granting.
   */
  regrant(): Promise<boolean> {
    // One at a time: of two that overlap the former could undo what the latter did.
    const turn = this.#regranting.then(() => this.#regrant())
    this.#regranting = turn.catch(() => {})
    return turn
  }

  /** Was the connection made before the device came to one of these groups? */
  lacks(groups: readonly string[]): boolean {
    const known = this.#connection?.groups
    return known !== undefined && groups.some((group) => !known.includes(group))
  }

  async #regrant(): Promise<boolean> {
    const client = this.#client
    const next = await this.parts.connection()
    const former = this.#connection
    if (client === undefined || client !== this.#client || former === undefined) return false
    this.#connection = next
    this.parts.renewed(next)
    if (next.regrant === 'reconnect') {
      this.#end?.('renew')
      return false
    }
    const added = next.subscribe.filter((topic) => !former.subscribe.includes(topic))
    const removed = former.subscribe.filter((topic) => !next.subscribe.includes(topic))
    for (const topics of inPackets(removed)) await client.unsubscribeAsync(topics)
    for (const topics of inPackets(added)) await client.subscribeAsync(topics, { qos: 1 })
    return true
  }

  takenOver(client?: string): void {
    if (client === undefined || client === this.#announcer.client) this.#end?.('takenOver')
  }

  answerRollCall(): void {
    const client = this.#client
    this.parts.clock.timer(this.parts.random() * ROLL_CALL_MS, () => {
      if (client?.connected && client === this.#client) this.#announcer.online(client).catch(() => {})
    })
  }

  /** Connects now: ends a wait, or takes the device back from who took it over. */
  resume(): void {
    this.#resume?.()
  }

  async close(): Promise<void> {
    this.#ended.abort(new Error('closed'))
    this.#end?.('closed')
    this.#resume?.()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended
    while (!signal.aborted) {
      const end = await this.#once()
      if (signal.aborted) return
      if (end === 'takenOver') await this.#waitForResume()
      else if (end !== 'renew') await this.#wait()
    }
  }

  /** From credentials to the end of the connection. */
  async #once(): Promise<End> {
    const { status } = this.parts
    const { signal } = this.#ended
    if (status.get() !== 'denied' && status.get() !== 'offline') status.set('connecting')
    try {
      // The app's endpoint may take its time; who closes meanwhile waits for nothing.
      const connection = await orAborted(this.#usable(), signal)
      signal.throwIfAborted()
      const end = await this.#live(connection)
      this.#settle(end)
      return end
    } catch (error) {
      if (signal.aborted) return 'closed'
      const denied = isDenial(error)
      status.set(denied ? 'denied' : 'offline', asPortError(error, denied ? 'PERMISSION_DENIED' : 'UNAVAILABLE'))
      return 'lost'
    }
  }

  #settle(end: End): void {
    const { status } = this.parts
    if (end === 'renew' || end === 'closed') return
    if (end === 'refused') {
      this.#connection = undefined
      this.#refusedFresh = this.#fresh ? this.#refusedFresh + 1 : 0
      const reason = new PortError('UNAUTHENTICATED', {
        operation: 'connect',
        detail: 'the broker refused the credentials: they are expired or revoked',
        retryable: true,
      })
      // Expired or revoked in the meantime: new ones may do, so only fresh ones that are refused mean that we may not.
      status.set(this.#refusedFresh > 0 ? 'denied' : 'offline', reason)
    } else if (end === 'takenOver')
      status.set(
        'takenOver',
        new PortError('PRECONDITION_FAILED', { operation: 'connect', detail: 'another client has connected as this device' }),
      )
    else if (status.get() !== 'denied')
      status.set('offline', new PortError('UNAVAILABLE', { operation: 'connect', detail: 'the connection was lost' }))
  }

  async #usable(): Promise<DeviceConnection> {
    this.#fresh = this.#connection === undefined || Date.parse(this.#connection.expiresAt) <= this.parts.clock.now() || this.#attempt > 1
    if (!this.#fresh) return this.#connection!
    const connection = await this.parts.connection()
    this.#connection = connection
    this.parts.renewed(connection)
    return connection
  }

  /** One connection, from CONNECT to its end. */
  async #live(connection: DeviceConnection): Promise<End> {
    const will = this.#announcer.begin(connection)
    const client = mqtt.connect(this.#url(connection), { ...optionsOf(connection), ...(will && { will }) })
    this.#client = client
    // In Node mqtt.js 5 leaves Nagle on: an acknowledgement on its way then holds the next frame back for up to 40 ms.
    ;(client.stream as { setNoDelay?(on: boolean): void }).setNoDelay?.(true)
    const timer = { cancel: (): void => {} }
    let up = false
    const end = await new Promise<End>((resolve) => {
      this.#end = resolve
      client.on('error', (error) => resolve(isRefusal(error) ? 'refused' : 'lost'))
      client.on('close', () => resolve('lost'))
      client.on('disconnect', ({ reasonCode }) => {
        // Its credentials are no longer good: not tried once more.
        if (reasonCode === ADMINISTRATIVE_ACTION && this.#connection === connection) this.#connection = undefined
        resolve(reasonCode === SESSION_TAKEN_OVER ? 'takenOver' : 'lost')
      })
      client.on('message', (_topic, payload) => this.parts.received(payload))
      client.on('connect', ({ properties }) => {
        // mqtt.js does not keep to what an MQTT 5 broker takes; a strict one (HiveMQ: 10) drops what is above. One is for the announcer.
        this.#window.open(Math.max(1, (properties?.receiveMaximum ?? MOST_UNACKNOWLEDGED) - 1))
        this.#arrive(client, connection).then(
          (granted) => {
            if (!granted) return resolve('refused')
            up = true
            this.#attempt = 0
            this.#refusedFresh = 0
            timer.cancel = this.#renewInTime(connection)
            this.parts.connected()
          },
          () => resolve('refused'),
        )
      })
    })
    this.#end = undefined
    timer.cancel()
    this.#client = undefined
    this.#window.close(new PortError('UNAVAILABLE', { operation: 'send', detail: 'the connection was lost' }))
    if (up) this.parts.disconnected()
    await this.#leave(client, end)
    if (!up && end !== 'refused') this.#attempt = Math.max(this.#attempt, 2)
    return end
  }

  /** Subscribes, and is known to be there before it says anything else. */
  async #arrive(client: MqttClient, { subscribe }: DeviceConnection): Promise<boolean> {
    const subscribing = inPackets(subscribe).map((topics) => client.subscribeAsync(topics, { qos: 1 }))
    const [granted] = await Promise.all([Promise.all(subscribing), this.#announcer.online(client)])
    return granted.flat().every(({ qos }) => qos <= 2)
  }

  /** Said politely only where the other side still listens. */
  async #leave(client: MqttClient, end: End): Promise<void> {
    client.removeAllListeners('message')
    client.on('error', () => {})
    const polite = client.connected && (end === 'closed' || end === 'renew' || end === 'takenOver')
    const left = async (): Promise<void> => {
      if (polite) await this.#announcer.leaving(client, end).catch(() => {})
      await client.endAsync(!polite).catch(() => {})
    }
    await Promise.race([left(), new Promise((resolve) => setTimeout(resolve, END_MS))])
    if (polite) client.end(true)
  }

  #renewInTime(connection: DeviceConnection): () => void {
    const { clock } = this.parts
    const stop = new AbortController()
    const lifeMs = Date.parse(connection.expiresAt) - Date.parse(connection.issuedAt)
    const renew = async (): Promise<void> => {
      await sleep(clock, lifeMs * RENEW_AT, stop.signal)
      for (let attempt = 1; !stop.signal.aborted; attempt++) {
        try {
          const next = await this.parts.connection()
          if (stop.signal.aborted) return
          this.#connection = next
          this.parts.renewed(next)
          return this.#end?.('renew')
        } catch {
          // The old one still holds for a while; when it ends, the loop tells why it cannot go on.
          await sleep(
            clock,
            100 + backoffMs({ maxAttempts: Infinity, firstMs: 500, maxMs: 10_000 }, attempt, this.parts.random),
            stop.signal,
          )
        }
      }
    }
    renew().catch(() => {})
    return () => stop.abort(new Error('stopped'))
  }

  #url({ urls }: DeviceConnection): string {
    const ws = urls.filter((url) => /^wss?:/.test(url))
    const tcp = urls.filter((url) => /^mqtts?:/.test(url))
    const usable = this.parts.transport === 'ws' ? ws : [...tcp, ...ws]
    const url = usable[this.#attempt % Math.max(usable.length, 1)]
    if (url === undefined)
      throw new PortError('CONFIG_INVALID', { operation: 'connect', detail: `the connection has no ${this.parts.transport} address` })
    return url
  }

  async #wait(): Promise<void> {
    this.#attempt += 1
    const skip = new AbortController()
    this.#resume = () => skip.abort(new Error('now'))
    const slow = this.parts.status.get() === 'denied'
    const policy = slow ? { ...this.parts.reconnect, firstMs: this.parts.reconnect.firstMs * 8 } : this.parts.reconnect
    await sleep(this.parts.clock, backoffMs(policy, this.#attempt, this.parts.random), skip.signal).catch(() => {})
    this.#resume = undefined
  }

  /** [P59] No storm: who was taken over comes back only when told to. */
  async #waitForResume(): Promise<void> {
    await new Promise<void>((resolve) => (this.#resume = resolve))
    this.#resume = undefined
    this.#connection = undefined
    this.#announcer = new Announcer(this.parts.now)
    if (!this.#ended.signal.aborted) this.parts.status.set('connecting')
  }
}

function inPackets(topics: readonly string[]): string[][] {
  const packets: string[][] = []
  for (let from = 0; from < topics.length; from += TOPICS_AT_ONCE) packets.push(topics.slice(from, from + TOPICS_AT_ONCE))
  return packets
}

function optionsOf({ clientId, username, password, protocolVersion, keepAliveSeconds }: DeviceConnection): IClientOptions {
  return {
    clientId,
    username,
    password,
    protocolVersion,
    keepalive: keepAliveSeconds,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    resubscribe: false,
    queueQoSZero: false,
  }
}

/** CONNACK codes for bad credentials: 4 and 5 in MQTT 3.1.1, 0x86 and 0x87 in 5.0. */
function isRefusal(error: unknown): boolean {
  return [4, 5, 0x86, 0x87].includes((error as { code?: unknown }).code as number)
}

/** What the app's own endpoint says when it does not know this device: our codes, or a Response that was thrown. */
export function isDenial(error: unknown): boolean {
  if (PortError.is(error, 'UNAUTHENTICATED', 'PERMISSION_DENIED')) return true
  const { status } = (error ?? {}) as { status?: unknown }
  return status === 401 || status === 403
}

export function asPortError(error: unknown, code: 'PERMISSION_DENIED' | 'UNAVAILABLE'): PortError {
  return PortError.is(error)
    ? error
    : new PortError(code, { operation: 'connect', detail: 'the connection could not be fetched', cause: error })
}
