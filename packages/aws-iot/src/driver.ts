import { setMaxListeners } from 'node:events'
import {
  type AdapterDeps,
  type DeviceConnection,
  type DriverCall,
  type InboundHandlers,
  type IssueRequest,
  newId,
  PortError,
  type Presence,
  type PresenceFact,
  type PushCapabilities,
  type PushDriver,
  type PushJournal,
  type SendCall,
  type Target,
} from '@pdvend/ports'
import {
  Carrier,
  clientIdOf,
  Connection,
  deviceConnection,
  journalFacts,
  openJournal,
  presenceTopic,
  type SharedJournal,
  topicOf,
} from '@pdvend/push-mqtt'
import { addressesOf } from './address.js'
import type { Settings } from './config.js'
import { Credentials, recordTopic } from './credentials.js'
import { DataPlane } from './data-plane.js'
import { broker, fail } from './errors.js'
import { knock } from './knock.js'
import { DISCONNECTED_FILTER, readDisconnected } from './lifecycle.js'
import { MAX_PAYLOAD_BYTES, PUBLISHES_PER_SECOND } from './limits.js'
import { Outlet } from './outlet.js'
import { signedUrl } from './signed-url.js'

/** MQTT 5: what AWS refuses is told with a reason. */
const PROTOCOL = '5'
const PROTOCOL_LEVEL = 5
/** So many retained topics are looked through at start, and so many devices read; the roll call finds the others. */
const MAX_RETAINED_TOPICS = 10_000
const MAX_READ = 1_000
const READ_AT_ONCE = 20
/** No device has this name, so that rights are tried on nobody. */
const NO_DEVICE = '-'

/** Connects as the key or role may, and proves what the app will need: each missing right is named. */
export async function openAwsIot(settings: Settings, deps: AdapterDeps): Promise<PushDriver> {
  const { clock, log, signal } = deps
  const { url, urls } = addressesOf(settings)
  const plane = new DataPlane(settings, clock)
  let connection: Connection | undefined
  let journal: SharedJournal | undefined
  let driver: AwsIot | undefined
  try {
    const region = await plane.region()
    const endpoint = {
      broker,
      url: async () => signedUrl(url, region, await plane.credentials(), plane.now()),
      connectTimeoutMs: settings.connectTimeoutMs,
      keepAliveSeconds: settings.keepAliveSeconds,
    }
    const nobody = clientIdOf(settings.namespace, NO_DEVICE)
    const record = recordTopic(settings.namespace, NO_DEVICE)
    // First of all, for it also tells what time it is.
    await plane.retained(record, signal)
    const instance = newId()
    const login = { clientId: `app~${settings.namespace}~${instance}` }
    connection = await Connection.open({ endpoint, login, protocol: PROTOCOL, clock, log, perSecond: PUBLISHES_PER_SECOND }, signal)
    const [cuts] = await Promise.all([
      settings.jwtSecret !== undefined && plane.disconnect(nobody, signal),
      settings.jwtSecret !== undefined && plane.subscriptions(nobody, signal),
      settings.journal === undefined && settings.via !== 'mqtt' && plane.sendDirect(nobody, record, new Uint8Array(), signal),
      plane.isConnected(nobody, signal),
      // Empty, it leaves nothing behind.
      plane.publish(record, '', { retain: true }, signal),
      knock(settings, urls, plane.now(), signal),
    ])
    // By itself: beside a check that fails it would be left open.
    journal = await openJournal('aws-iot', settings, deps)
    driver = new AwsIot({ settings, urls, instance, region, plane, connection, journal, cuts, deps })
    await driver.start(signal)
    return driver
  } catch (error) {
    await driver?.close()
    await connection?.close()
    await journal?.close()
    plane.close()
    signal.throwIfAborted()
    throw fail('open', error)
  }
}

interface Parts {
  readonly settings: Settings
  readonly urls: readonly string[]
  readonly instance: string
  readonly region: string
  readonly plane: DataPlane
  readonly connection: Connection
  readonly journal: SharedJournal | undefined
  /** The endpoint can disconnect clients. */
  readonly cuts: boolean
  readonly deps: AdapterDeps
}

/**
 * Push through AWS IoT Core. *Semantics*: QoS 1 to whoever is connected; sessions are not kept, for AWS keeps them an hour at
 * most, the journal is the memory. *Limits*: 128 KiB a message; 100 messages a second on the app's connection, paced; see
 * `limits.ts`. *Names*: those of `@pdvend/push-mqtt`. *Cost*: a push is a message of 5 KB steps and one more for each device
 * that gets it; an announcement of a device one, and one for each instance of the app.
 */
class AwsIot implements PushDriver {
  readonly limits = { maxPayloadBytes: MAX_PAYLOAD_BYTES }
  readonly capabilities: PushCapabilities
  readonly journal?: PushJournal
  readonly #ns: string
  readonly #carrier: Carrier
  readonly #outlet: Outlet
  readonly #credentials: Credentials | undefined
  #read = false
  #closing: Promise<void> | undefined

  constructor(private readonly parts: Parts) {
    const { settings, instance, plane, connection, journal, cuts, deps } = parts
    const { clock, log } = deps
    this.#ns = settings.namespace
    this.#carrier = new Carrier({
      broker,
      ns: this.#ns,
      instance,
      connection,
      clock,
      log,
      other: (topic, bytes) => this.#other(topic, bytes),
      settle: (signal) => this.#settle(signal),
      judge: (device) => plane.isConnected(clientIdOf(this.#ns, device), this.#carrier.signal),
    })
    this.#outlet = new Outlet({
      via: settings.via,
      mqtt: (to, bytes, signal) => this.#carrier.send(to, bytes, signal),
      http: (to, bytes, signal) => this.#byHttp(to, bytes, signal),
      waiting: () => (connection.connected ? connection.waiting : Infinity),
      clock,
      signal: this.#carrier.signal,
    })
    if (settings.jwtSecret !== undefined && cuts)
      this.#credentials = new Credentials({
        ns: this.#ns,
        authorizer: settings.authorizer,
        secret: settings.jwtSecret.reveal(),
        plane,
        clock,
        retain: (topic, text, signal) => plane.publish(topic, text, { retain: true }, signal),
        cutOff: (device) => this.#carrier.presence.cutOff(device, undefined, 'revoked'),
      })
    const credentials = this.#credentials !== undefined
    this.capabilities = { journal: journal !== undefined, presence: true, request: true, receipts: true, credentials }
    if (journal !== undefined) this.journal = journal
  }

  get facts(): Readonly<Record<string, string>> {
    const { settings, region, plane, connection, journal } = this.parts
    const sharing = connection.welcome.sharedSubscriptions
    const { mqtt, http } = this.#outlet.sent
    const none = settings.jwtSecret === undefined ? 'no PDVEND_PUSH_JWT_SECRET' : 'the endpoint has no DeleteConnection'
    return {
      endpoint: new URL(settings.endpoint).host,
      region,
      'device credentials': this.#credentials === undefined ? `none: ${none}` : `custom authorizer ${settings.authorizer}`,
      pushes: `${mqtt} by MQTT, ${http} by HTTP`,
      ...(!sharing && { sharing: 'none: run one instance of the app' }),
      ...(plane.lacks.length > 0 && { 'not there': plane.lacks.join(', ') }),
      ...journalFacts(journal),
    }
  }

  /** Subscribes to what is always heard, and waits until it is there. */
  async start(signal: AbortSignal): Promise<void> {
    const { connection, deps } = this.parts
    // AWS has them; emulators may not.
    if (!connection.welcome.sharedSubscriptions)
      deps.log.warn({ port: 'push', adapter: 'aws-iot' }, 'the endpoint has no shared subscriptions: run one instance of the app')
    await this.#carrier.subscribe([DISCONNECTED_FILTER], signal)
    await this.#carrier.start(this.parts.settings.connectTimeoutMs, signal)
  }

  send(to: Target, bytes: Uint8Array, call: SendCall): Promise<void> {
    return this.#outlet.send(topicOf(this.#ns, to), to, bytes, call)
  }

  receive(instance: string, handlers: InboundHandlers, { signal }: DriverCall): Promise<void> {
    return this.#carrier.receive(instance, handlers, signal)
  }

  async presence(device: string, _call: DriverCall): Promise<Presence> {
    return this.#carrier.presence.presence(device)
  }

  watchPresence(listener: (fact: PresenceFact) => void): () => void {
    return this.#carrier.presence.watch(listener)
  }

  async issue(device: string, request: IssueRequest): Promise<DeviceConnection> {
    const { settings, urls, deps } = this.parts
    const issuedAt = deps.clock.now()
    const { expiresAt, ...credential } = await this.#issuer().issue(device, request)
    return deviceConnection(this.#ns, device, {
      groups: request.groups,
      credential,
      urls,
      protocolVersion: PROTOCOL_LEVEL,
      keepAliveSeconds: settings.keepAliveSeconds,
      expiresAt,
      issuedAt,
    })
  }

  async revoke(device: string, call: DriverCall): Promise<void> {
    await this.#issuer().revoke(device, call)
  }

  ping({ signal }: DriverCall): Promise<void> {
    return this.#carrier.ping(signal)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#carrier.close()
    this.parts.plane.close()
    await this.journal?.close()
  }

  #issuer(): Credentials {
    if (this.#credentials === undefined)
      throw broker.error('UNSUPPORTED', undefined, 'devices are let in by what the operator hands out: set PDVEND_PUSH_JWT_SECRET')
    return this.#credentials
  }

  /**
   * By the data plane. Without a journal a device is told directly, and has acknowledged it when this resolves; with one that
   * would only add the device's round trip to each message of it, and its acknowledgement comes by itself.
   */
  async #byHttp(to: Target, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { plane, journal } = this.parts
    const topic = topicOf(this.#ns, to)
    if ('device' in to && journal === undefined) {
      const told = await plane.sendDirect(clientIdOf(this.#ns, to.device), topic, bytes, signal)
      if (told === 'absent') this.#carrier.presence.doubt(to.device)
      if (told !== 'unsupported') return
    }
    await plane.publish(topic, bytes, {}, signal)
  }

  /**
   * After each new connection: AWS brings retained messages for exact topics alone, so the first time they are read; then
   * everybody is asked, known or not.
   */
  async #settle(signal: AbortSignal): Promise<void> {
    if (!this.#read) await this.#readPresence(signal)
    this.#read = true
    this.#carrier.presence.callRoll(true)
  }

  async #readPresence(until: AbortSignal): Promise<void> {
    const { plane, deps } = this.parts
    const signal = AbortSignal.any([until])
    setMaxListeners(0, signal)
    const prefix = presenceTopic(this.#ns, '')
    const devices: string[] = []
    try {
      let seen = 0
      for await (const topic of plane.retainedTopics(signal)) {
        if (topic.startsWith(prefix)) devices.push(topic.slice(prefix.length))
        if (++seen >= MAX_RETAINED_TOPICS || devices.length >= MAX_READ) break
      }
      const rest = devices.values()
      const reader = async (): Promise<void> => {
        for (const device of rest) {
          const payload = await plane.retained(presenceTopic(this.#ns, device), signal)
          if (payload !== undefined) this.#carrier.presence.take(device, payload, true)
        }
      }
      await Promise.all(Array.from({ length: READ_AT_ONCE }, reader))
    } catch (error) {
      if (!PortError.is(error, 'RATE_LIMITED', 'UNAVAILABLE')) throw error
      deps.log.warn({ port: 'push', error: String(error) }, 'who was there could not be read: devices are asked')
    }
  }

  #other(topic: string, bytes: Uint8Array): void {
    const gone = readDisconnected(this.#ns, topic, bytes)
    if (gone !== undefined) this.#carrier.presence.doubt(gone.device, gone.reason)
  }
}
