import {
  type AdapterDeps,
  type Clock,
  type DeviceConnection,
  type DriverCall,
  errorTable,
  type InboundHandlers,
  newId,
  PortError,
  type Presence,
  presenceOf,
  type PresenceFact,
  type PushDriver,
  type PushJournal,
  type SettingsOf,
  type Target,
} from '@pdvend/ports'
import { openJournal } from '../push-journal/index.js'
import { AppClient } from './app-client.js'
import type { config } from './config.js'
import { Election, reachable } from './election.js'
import { MAX_PAYLOAD_BYTES } from './limits.js'
import { Registry } from './registry.js'
import { sign, usernameOf } from './tokens.js'
import { inboundFilters, parseTopic, presenceTopic, topicOf, upTopic } from './topics.js'

type Settings = SettingsOf<typeof config>

const fail = errorTable('local-push', {
  ECONNREFUSED: 'UNAVAILABLE',
  ECONNRESET: 'UNAVAILABLE',
  EPIPE: 'UNAVAILABLE',
  TimeoutError: { code: 'UNAVAILABLE', detail: 'the embedded broker did not answer in time' },
})

/** Opens the registry and the journal, finds or becomes the broker's host, and proves that it answers. */
export async function openLocalPush(settings: Settings, { clock, log, signal }: AdapterDeps): Promise<PushDriver> {
  const registry = await Registry.open(settings.directory)
  const journal = await openJournal(settings.directory, settings).catch(async (error: unknown) => {
    await registry.close()
    throw error
  })
  const instance = newId()
  const election = new Election(registry, settings, instance, clock, log)
  const client = new AppClient(settings.namespace, instance, registry.key(), election, clock, log)
  const driver = new LocalPush(settings, registry, journal, election, client, clock)
  try {
    await client.ready(signal)
    return driver
  } catch (error) {
    await driver.close()
    throw fail('open', error)
  }
}

/**
 * Push over the embedded broker. *Semantics*: QoS 1 to whoever is connected; sessions are not kept, the journal is the
 * memory. *Limits*: 128 KiB a message. *Names*: `topics.ts`. *Several processes*: each is a client of the host; when the host
 * ends, another takes over within about a second, on the same ports where they are free.
 */
class LocalPush implements PushDriver {
  readonly limits = { maxPayloadBytes: MAX_PAYLOAD_BYTES }
  readonly #listeners = new Set<(fact: PresenceFact) => void>()
  #handlers: InboundHandlers | undefined
  #watching: Promise<void> | undefined
  readonly #ended = new AbortController()
  #closing: Promise<void> | undefined

  constructor(
    private readonly settings: Settings,
    private readonly registry: Registry,
    readonly journal: PushJournal,
    private readonly election: Election,
    private readonly client: AppClient,
    private readonly clock: Clock,
  ) {
    client.onMessage((topic, payload) => this.#take(topic, payload))
  }

  async send(to: Target, bytes: Uint8Array, { signal }: DriverCall): Promise<void> {
    await this.client.publish(topicOf(this.settings.namespace, to), bytes, signal).catch((error: unknown) => {
      throw fail('send', error)
    })
  }

  async receive(instance: string, handlers: InboundHandlers, { signal }: DriverCall): Promise<void> {
    this.#handlers = handlers
    await this.client.subscribe(inboundFilters(this.settings.namespace, instance), signal)
  }

  async presence(device: string, _call: DriverCall): Promise<Presence> {
    return presenceOf(
      this.registry.presence(this.settings.namespace, device) ?? { device, version: 0, state: 'offline', at: 0, reason: 'unknown' },
    )
  }

  watchPresence(listener: (fact: PresenceFact) => void): () => void {
    this.#listeners.add(listener)
    this.#watching ??= this.client.subscribe([presenceTopic(this.settings.namespace)], this.#ended.signal)
    this.#watching.catch(() => (this.#watching = undefined))
    return () => void this.#listeners.delete(listener)
  }

  async issue(
    device: string,
    options: DriverCall & { readonly ttlMs: number; readonly groups: readonly string[] },
  ): Promise<DeviceConnection> {
    const { namespace: ns, keepAliveSeconds } = this.settings
    const { ttlMs, groups } = options
    const { generation } = await this.registry.admit(ns, device, groups)
    const host = await this.election.host()
    const identity = { role: 'device', ns, name: device } as const
    const now = this.clock.now()
    const name = reachable(host.address)
    const text = name.includes(':') ? `[${name}]` : name
    return {
      device,
      clientId: usernameOf(identity),
      urls: this.settings.urls.length > 0 ? this.settings.urls : [`mqtt://${text}:${host.tcpPort}`, `ws://${text}:${host.wsPort}`],
      protocolVersion: 4,
      username: usernameOf(identity),
      password: sign(this.registry.key(), identity, { expiresAt: now + ttlMs, generation }),
      subscribe: [topicOf(ns, { device }), ...groups.map((group) => topicOf(ns, { group })), topicOf(ns, { all: true })],
      publish: upTopic(ns, device),
      keepAliveSeconds,
      expiresAt: new Date(now + ttlMs).toISOString(),
      issuedAt: new Date(now).toISOString(),
    }
  }

  async revoke(device: string, _call: DriverCall): Promise<void> {
    await this.registry.revoke(this.settings.namespace, device)
  }

  async ping({ signal }: DriverCall): Promise<void> {
    const client = await this.client.ready(signal)
    if (!client.connected)
      throw new PortError('UNAVAILABLE', { adapter: 'local-push', operation: 'ping', detail: 'no connection to the push host' })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#ended.abort(new PortError('CLOSED', { adapter: 'local-push' }))
    this.#listeners.clear()
    await this.client.close()
    await this.election.close()
    await this.registry.close()
    await this.journal.close()
  }

  #take(topic: string, bytes: Uint8Array): void {
    const parsed = parseTopic(topic)
    if (parsed?.kind === 'presence') return this.#tell(bytes)
    const { name: device, to } = parsed ?? {}
    if (this.#handlers === undefined || device === undefined || to === undefined) return
    const inbound = { device, bytes }
    void (to === 'app' ? this.#handlers.shared(inbound) : this.#handlers.own(inbound))
  }

  #tell(bytes: Uint8Array): void {
    const fact = JSON.parse(Buffer.from(bytes).toString('utf8')) as PresenceFact
    for (const listener of this.#listeners) listener(fact)
  }
}
