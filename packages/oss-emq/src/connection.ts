import { backoffMs, type Clock, type Logger, PortError, sleep } from '@pdvend/ports'
import { acknowledgeAfter, connect, end, type Endpoint, type Login, type MqttClient, negotiate, subscribe, type Welcome } from './client.js'
import type { Settings } from './config.js'
import { Outgoing } from './outgoing.js'

/** Wait before a new connection: exponential with full jitter. */
const RECONNECT = { maxAttempts: Infinity, firstMs: 100, maxMs: 10_000 }
/** What waits goes out before we leave, if the broker takes it in time, in milliseconds. */
const DRAIN_MS = 2_000

/** Gets each message; the broker's acknowledgement waits for it. */
export type Receive = (topic: string, payload: Uint8Array, retained: boolean) => Promise<void>

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

  private constructor(
    private readonly endpoint: Endpoint,
    private readonly login: Login,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.#outgoing = new Outgoing(clock)
  }

  /** @throws what {@link connect} throws: at start nobody waits for a broker */
  static async open(
    parts: {
      readonly endpoint: Endpoint
      readonly login: Login
      readonly protocol: Settings['protocol']
      readonly clock: Clock
      readonly log: Logger
    },
    signal: AbortSignal,
  ): Promise<Connection> {
    const connection = new Connection(parts.endpoint, parts.login, parts.clock, parts.log)
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
    if (client === undefined || !client.connected)
      throw new PortError('UNAVAILABLE', { adapter: 'oss-emq', detail: 'the broker is out of reach' })
    signal.throwIfAborted()
    await subscribe(client, filters)
    for (const filter of filters) this.#filters.add(filter)
    // Lost in between, the next connection has been made without them.
    if (client !== this.#client) throw new PortError('UNAVAILABLE', { adapter: 'oss-emq', detail: 'the connection was lost' })
  }

  /** Gives this connection up for a new one. */
  drop(): void {
    this.#client?.end(true)
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return
    await this.#outgoing.close(DRAIN_MS)
    this.#ended.abort(new PortError('CLOSED', { adapter: 'oss-emq' }))
    await this.#reconnecting
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await end(client, true)
  }

  async #adopt(client: MqttClient): Promise<void> {
    acknowledgeAfter(client, (topic, payload, retained) => this.#receive(topic, payload, retained))
    client.removeAllListeners('error')
    client.on('error', (error) => this.log.debug({ port: 'push', error: error.message }, 'the connection to the broker broke'))
    client.once('close', () => this.#closed(client))
    if (this.#filters.size > 0) await subscribe(client, [...this.#filters])
    if (!client.connected) throw new PortError('UNAVAILABLE', { adapter: 'oss-emq', detail: 'the connection was lost' })
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
    this.log.warn({ port: 'push' }, 'the connection to the broker was lost')
    this.#reconnecting = this.#reconnect().catch(() => {})
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#ended
    for (let attempt = 1; ; attempt++) {
      await sleep(this.clock, backoffMs(RECONNECT, attempt, Math.random), signal)
      let client: MqttClient | undefined
      try {
        const made = await connect(this.endpoint, this.login, this.#welcome.level, signal)
        client = made.client
        this.#welcome = made.welcome
        const late = this.clock.timer(this.endpoint.connectTimeoutMs, () => void made.client.end(true))
        await this.#adopt(client).finally(() => late.cancel())
        this.#connected()
        return
      } catch (error) {
        if (client !== undefined) await end(client)
        signal.throwIfAborted()
        this.log.debug({ port: 'push', attempt, error: String(error) }, 'no connection to the broker yet')
      }
    }
  }
}
