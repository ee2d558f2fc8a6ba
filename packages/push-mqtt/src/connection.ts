import { backoffMs, type Clock, type Logger, sleep } from '@pdvend/ports'
import {
  acknowledgeAfter,
  connect,
  end,
  type Endpoint,
  type Login,
  type MqttClient,
  negotiate,
  type Protocol,
  subscribe,
  type Welcome,
} from './client.js'
import { Outgoing } from './outgoing.js'

/** Wait before a new connection: exponential with full jitter. */
const RECONNECT = { maxAttempts: Infinity, firstMs: 100, maxMs: 10_000 }
/** What waits goes out before we leave, if the broker takes it in time, in milliseconds. */
const DRAIN_MS = 2_000

/** Gets each message; the broker's acknowledgement waits for it. */
export type Receive = (topic: string, payload: Uint8Array, retained: boolean) => Promise<void>

export interface ConnectionParts {
  readonly endpoint: Endpoint
  readonly login: Login
  readonly protocol: Protocol
  readonly clock: Clock
  readonly log: Logger
  /** Messages that the broker takes of one connection in a second; default: no bound. */
  readonly perSecond?: number
}

/** This instance's connection: made again when it is lost, with the same subscriptions, for a broker may have forgotten them. */
export class Connection {
  readonly #filters = new Set<string>()
  readonly #outgoing: Outgoing
  readonly #ended = new AbortController()
  #client: MqttClient | undefined
  #welcome!: Welcome
  #receive: Receive = async () => {}
  #connected: () => void = () => {}
  #reconnecting: Promise<void> | undefined
  #lost = 0

  private constructor(private readonly parts: ConnectionParts) {
    this.#outgoing = new Outgoing(parts.endpoint.broker, parts.clock, parts.perSecond)
  }

  /** @throws what {@link connect} throws: at start nobody waits for a broker */
  static async open(parts: ConnectionParts, signal: AbortSignal): Promise<Connection> {
    const connection = new Connection(parts)
    const { client, welcome } = await negotiate(parts.endpoint, parts.login, parts.protocol, signal)
    connection.#welcome = welcome
    await connection.#adopt(client)
    return connection
  }

  get welcome(): Welcome {
    return this.#welcome
  }

  get connected(): boolean {
    return this.#client?.connected === true
  }

  /** How many connections were lost so far. */
  get lost(): number {
    return this.#lost
  }

  /** Messages that wait for their turn to go out. */
  get waiting(): number {
    return this.#outgoing.waiting
  }

  /** `connected` is called after each new connection, once it is subscribed. */
  use(receive: Receive, connected: () => void): void {
    this.#receive = receive
    this.#connected = connected
  }

  publish(topic: string, payload: Uint8Array | string, options: { readonly retain?: boolean }, signal: AbortSignal): Promise<void> {
    return this.#outgoing.publish(topic, payload, options, signal)
  }

  /** Resolves when messages for `filters` arrive here; they do after every reconnection. */
  async subscribe(filters: readonly string[], signal: AbortSignal): Promise<void> {
    const client = this.#client
    const { broker } = this.parts.endpoint
    if (client === undefined || !client.connected) throw broker.error('UNAVAILABLE', undefined, 'the broker is out of reach')
    signal.throwIfAborted()
    await subscribe(broker, client, filters)
    for (const filter of filters) this.#filters.add(filter)
    // Lost in between, the next connection has been made without them.
    if (client !== this.#client) throw broker.error('UNAVAILABLE', undefined, 'the connection was lost')
  }

  /** Gives this connection up for a new one. */
  drop(): void {
    this.#client?.end(true)
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return
    await this.#outgoing.close(DRAIN_MS)
    this.#ended.abort(this.parts.endpoint.broker.error('CLOSED', undefined))
    await this.#reconnecting
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await end(client, true)
  }

  async #adopt(client: MqttClient): Promise<void> {
    const { endpoint, log } = this.parts
    acknowledgeAfter(client, (topic, payload, retained) => this.#receive(topic, payload, retained))
    client.removeAllListeners('error')
    client.on('error', (error) => log.debug({ port: 'push', error: error.message }, 'the connection to the broker broke'))
    client.once('close', () => this.#closed(client))
    if (this.#filters.size > 0) await subscribe(endpoint.broker, client, [...this.#filters])
    if (!client.connected) throw endpoint.broker.error('UNAVAILABLE', undefined, 'the connection was lost')
    this.#client = client
    this.#outgoing.connected(client, this.#welcome.sendMaximum)
  }

  #closed(client: MqttClient): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#lost += 1
    this.#outgoing.disconnected()
    void end(client)
    if (this.#ended.signal.aborted) return
    this.parts.log.warn({ port: 'push' }, 'the connection to the broker was lost')
    this.#reconnecting = this.#reconnect().catch(() => {})
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#ended
    const { endpoint, login, clock, log } = this.parts
    for (let attempt = 1; ; attempt++) {
      await sleep(clock, backoffMs(RECONNECT, attempt, Math.random), signal)
      let client: MqttClient | undefined
      try {
        const made = await connect(endpoint, login, this.#welcome.level, signal)
        client = made.client
        this.#welcome = made.welcome
        const late = clock.timer(endpoint.connectTimeoutMs, () => void made.client.end(true))
        await this.#adopt(client).finally(() => late.cancel())
        this.#connected()
        return
      } catch (error) {
        if (client !== undefined) await end(client)
        signal.throwIfAborted()
        log.debug({ port: 'push', attempt, error: String(error) }, 'no connection to the broker yet')
      }
    }
  }
}
