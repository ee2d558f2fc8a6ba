import type { Socket } from 'node:net'
import mqtt, { type MqttClient } from 'mqtt'
import { type Clock, type Logger, orAborted, PortError, sleep } from '@pdvend/ports'
import type { Election } from './election.js'
import { reachable } from './election.js'
import { type Identity, sign, usernameOf } from './tokens.js'

/** An instance signs its own password; it only has to last for one CONNECT. */
const PASSWORD_MS = 30_000
const CONNECT_MS = 5_000
/** How often the host is looked for at start; each look takes a few seconds by itself. */
const FIRST_ATTEMPTS = 2
const KEEPALIVE_SECONDS = 15

type Receive = (topic: string, payload: Uint8Array) => void

/** This instance's connection to the host, whoever that is: made again when it is lost, with the same subscriptions. */
export class AppClient {
  readonly #identity: Identity
  #filters: string[] = []
  #receive: Receive = () => {}
  #client: MqttClient | undefined
  #connecting: Promise<MqttClient> | undefined
  #wasConnected = false
  readonly #ended = new AbortController()

  constructor(
    ns: string,
    instance: string,
    private readonly key: Uint8Array,
    private readonly election: Election,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.#identity = { role: 'app', ns, name: instance }
  }

  onMessage(receive: Receive): void {
    this.#receive = receive
  }

  /** Connects if need be. */
  async ready(signal: AbortSignal): Promise<MqttClient> {
    if (this.#client?.connected) return this.#client
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined))
    return orAborted(this.#connecting, signal)
  }

  /** Resolves when the host has it. */
  async publish(topic: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const client = this.#client?.connected ? this.#client : await this.ready(signal)
    await orAborted(
      new Promise<void>((resolve, reject) => {
        client.publish(topic, bytes as Buffer, { qos: 1 }, (error) => (error ? reject(lost(error)) : resolve()))
      }),
      signal,
    )
  }

  /** Resolves when messages for `filters` arrive here; they do after every reconnection. */
  async subscribe(filters: readonly string[], signal: AbortSignal): Promise<void> {
    const fresh = filters.filter((filter) => !this.#filters.includes(filter))
    this.#filters.push(...fresh)
    const client = await this.ready(signal)
    await subscribe(client, this.#filters)
  }

  async close(): Promise<void> {
    this.#ended.abort(new PortError('CLOSED', { adapter: 'local-push' }))
    await this.#connecting?.catch(() => {})
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await endClient(client)
  }

  async #connect(): Promise<MqttClient> {
    for (let attempt = 1; ; attempt++) {
      this.#ended.signal.throwIfAborted()
      try {
        const client = await this.#once()
        this.#client = client
        this.#wasConnected = true
        client.once('close', () => this.#lost(client))
        if (client.connected) return client
      } catch (error) {
        if (PortError.is(error, 'CONFIG_INVALID', 'CLOSED')) throw error
        // At start the operator is told; later the host comes back sooner or later, and this instance waits for it.
        if (!this.#wasConnected && attempt >= FIRST_ATTEMPTS) throw error
        this.log.debug({ port: 'push', attempt, error: String(error) }, 'no connection to the push host yet')
      }
      await sleep(this.clock, Math.random() * Math.min(1_000, 50 * attempt), this.#ended.signal)
    }
  }

  async #once(): Promise<MqttClient> {
    const { address, tcpPort } = await this.election.host()
    const username = usernameOf(this.#identity)
    const password = sign(this.key, this.#identity, { expiresAt: this.clock.now() + PASSWORD_MS, generation: 0 })
    const client = mqtt.connect(`mqtt://${hostText(address)}:${tcpPort}`, {
      clientId: username,
      username,
      password,
      clean: true,
      protocolVersion: 4,
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: CONNECT_MS,
      keepalive: KEEPALIVE_SECONDS,
    })
    // mqtt.js 5 leaves Nagle on: an acknowledgement on its way then holds the next message back for up to 40 ms.
    ;(client.stream as Partial<Socket>).setNoDelay?.(true)
    client.on('message', (topic, payload) => this.#receive(topic, payload))
    try {
      await new Promise<void>((resolve, reject) => {
        client.once('connect', () => resolve())
        client.on('error', (error) => reject(lost(error)))
        client.once('close', () => reject(lost()))
      })
      if (this.#filters.length > 0) await subscribe(client, this.#filters)
      return client
    } catch (error) {
      await endClient(client)
      throw error
    }
  }

  /** Comes back by itself: this instance may be the next host, and devices wait for it. */
  #lost(client: MqttClient): void {
    if (this.#client === client) this.#client = undefined
    void endClient(client)
    if (this.#ended.signal.aborted) return
    this.ready(this.#ended.signal).catch((error: unknown) =>
      this.log.warn({ port: 'push', error: String(error) }, 'the push host is out of reach'),
    )
  }
}

async function subscribe(client: MqttClient, filters: readonly string[]): Promise<void> {
  const granted = await client.subscribeAsync([...filters], { qos: 1 })
  if (granted.some(({ qos }) => qos > 2)) throw new PortError('PERMISSION_DENIED', { adapter: 'local-push', operation: 'receive' })
}

async function endClient(client: MqttClient): Promise<void> {
  client.on('error', () => {})
  await client.endAsync(true).catch(() => {})
}

function hostText(address: string): string {
  const host = reachable(address)
  return host.includes(':') ? `[${host}]` : host
}

function lost(cause?: unknown): PortError {
  return new PortError('UNAVAILABLE', {
    adapter: 'local-push',
    detail: 'the connection to the push host was lost',
    ...(cause === undefined ? {} : { cause }),
  })
}
