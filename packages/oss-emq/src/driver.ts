import { readFile } from 'node:fs/promises'
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
  type Target,
} from '@pdvend/ports'
import {
  Carrier,
  clientIdOf,
  Connection,
  deviceConnection,
  deviceOf,
  type Endpoint,
  journalFacts,
  type Login,
  openJournal,
  type SharedJournal,
  type Signer,
  signerOf,
} from '@pdvend/push-mqtt'
import { checkAddresses, deviceUrls } from './address.js'
import type { Settings } from './config.js'
import type { DeviceAuth } from './credentials/device-auth.js'
import { CONTROL_TOPIC, DynamicSecurity, RESPONSE_TOPIC } from './credentials/dynamic-security.js'
import { JsonWebTokens } from './credentials/json-web-tokens.js'
import { hasDynamicSecurity, letsAnyoneIn } from './detect.js'
import { EmqxApi } from './emqx-api.js'
import { broker, fail } from './errors.js'

/** Largest message on the wire. AWS IoT's bound (128 KiB), kept on every profile so that what works here works there. */
const MAX_PAYLOAD_BYTES = 131_072
/** What a packet needs beside its payload: topic (256 bytes), header, properties. */
const PACKET_OVERHEAD_BYTES = 512
/** Where Mosquitto says its version. */
const VERSION_TOPIC = '$SYS/broker/version'
/** Where EMQX says that a client has gone, with `emqx.conf`'s sys_topics.sys_event_messages. */
const DISCONNECTED_TOPIC = '$SYS/brokers/+/clients/+/disconnected'

/** Finds out what the broker is and can do, and proves that messages pass. */
export async function openOssEmq(settings: Settings, deps: AdapterDeps): Promise<PushDriver> {
  checkAddresses(settings)
  const { clock, log, signal } = deps
  const ns = settings.namespace
  const instance = newId()
  const endpoint = await endpointOf(settings)
  const login: Login = {
    clientId: `app~${ns}~${instance}`,
    ...(settings.username !== undefined && { username: settings.username }),
    ...(settings.password !== undefined && { password: settings.password.reveal() }),
  }
  const api =
    settings.apiUrl === undefined ? undefined : new EmqxApi(settings.apiUrl, settings.apiKey ?? '', settings.apiSecret?.reveal() ?? '')
  const signer = await signerFrom(settings)
  const connection = await Connection.open({ endpoint, login, protocol: settings.protocol, clock, log }, signal)
  let journal: SharedJournal | undefined
  let driver: OssEmq | undefined
  try {
    const { level, sharedSubscriptions } = connection.welcome
    if (!sharedSubscriptions) throw wrong('the broker has no shared subscriptions ($share)')
    const auth = await authOf(settings, signer, () => hasDynamicSecurity(endpoint, login, level, ns, signal))
    if (auth === 'jwt' && (signer === undefined || api === undefined)) {
      const missing =
        signer === undefined ? 'PDVEND_PUSH_JWT_SECRET or PDVEND_PUSH_JWT_KEY_FILE' : 'PDVEND_PUSH_API_URL, to cut devices off'
      throw wrong(`device tokens need ${missing}`)
    }
    const [anyone] = await Promise.all([letsAnyoneIn(endpoint, level, signal), api?.ping(signal)])
    if (anyone) {
      const detail = 'the broker lets in clients without a password: forbid that there (Mosquitto: allow_anonymous false)'
      if (settings.anonymous === 'refuse') throw wrong(`${detail}, or set PDVEND_PUSH_ANONYMOUS to warn`)
      log.warn({ port: 'push', adapter: 'oss-emq' }, detail)
    }
    // By itself: beside a check that fails it would be left open.
    journal = await openJournal('oss-emq', settings, deps)
    driver = new OssEmq({ settings, instance, connection, journal, api, signer, auth, deps })
    await driver.start(signal)
    return driver
  } catch (error) {
    await driver?.close()
    await connection.close()
    await journal?.close()
    signal.throwIfAborted()
    throw fail('open', error)
  }
}

interface Parts {
  readonly settings: Settings
  readonly instance: string
  readonly connection: Connection
  readonly journal: SharedJournal | undefined
  readonly api: EmqxApi | undefined
  readonly signer: Signer | undefined
  readonly auth: DeviceAuth['name']
  readonly deps: AdapterDeps
}

/**
 * Push over an MQTT broker. *Semantics*: QoS 1 to whoever is connected; sessions are not kept, the journal is the memory, and
 * a broker that forgot its data gets subscriptions, credentials and presence anew. *Limits*: 128 KiB a message, or what the
 * broker takes. *Names*: `codec.ts`. *Cost*: a publish is one packet and its acknowledgement.
 */
class OssEmq implements PushDriver {
  readonly limits
  readonly capabilities: PushCapabilities
  readonly journal?: PushJournal
  readonly #ns: string
  readonly #carrier: Carrier
  readonly #auth: DeviceAuth
  #version: string | undefined
  #closing: Promise<void> | undefined

  constructor(private readonly parts: Parts) {
    const { settings, instance, connection, journal, auth, deps } = parts
    this.#ns = settings.namespace
    this.capabilities = { journal: journal !== undefined, presence: true, request: true, receipts: true, credentials: auth !== 'none' }
    if (journal !== undefined) this.journal = journal
    const most = connection.welcome.maximumPacketSize ?? Infinity
    this.limits = { maxPayloadBytes: Math.min(MAX_PAYLOAD_BYTES, most - PACKET_OVERHEAD_BYTES) }
    const { clock, log } = deps
    this.#carrier = new Carrier({
      broker,
      ns: this.#ns,
      instance,
      connection,
      clock,
      log,
      other: (topic, bytes) => this.#other(topic, bytes),
      settle: (signal) => this.#settle(signal),
    })
    this.#auth = this.#makeAuth()
  }

  get facts(): Readonly<Record<string, string>> {
    const { connection, journal, auth, api } = this.parts
    return {
      broker: this.#version ?? (api === undefined ? 'unknown' : 'EMQX'),
      protocol: connection.welcome.level === 5 ? 'MQTT 5' : 'MQTT 3.1.1',
      'device credentials': auth,
      ...journalFacts(journal),
    }
  }

  /** Subscribes to what is always heard, and waits until it is there. */
  async start(signal: AbortSignal): Promise<void> {
    const { connection, api, settings } = this.parts
    await this.#carrier.subscribe(this.#auth instanceof DynamicSecurity ? [RESPONSE_TOPIC] : [], signal)
    for (const filter of [VERSION_TOPIC, ...(api ? [DISCONNECTED_TOPIC] : [])])
      await connection.subscribe([filter], signal).catch((error: unknown) => {
        if (!PortError.is(error, 'PERMISSION_DENIED')) throw error
      })
    if (this.#auth instanceof DynamicSecurity) await this.#auth.checkDefaults(signal)
    await this.#carrier.start(settings.connectTimeoutMs, signal)
  }

  send(to: Target, bytes: Uint8Array, { signal }: DriverCall): Promise<void> {
    return this.#carrier.send(to, bytes, signal)
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

  async issue(device: string, { ttlMs, groups, regrouped, signal }: IssueRequest): Promise<DeviceConnection> {
    const { settings, connection, deps } = this.parts
    const issuedAt = deps.clock.now()
    const expiresAt = issuedAt + ttlMs
    return deviceConnection(this.#ns, device, {
      groups,
      credential: await this.#auth.issue(device, { groups, regrouped, expiresAt, signal }),
      urls: deviceUrls(settings),
      protocolVersion: connection.welcome.level,
      keepAliveSeconds: settings.keepAliveSeconds,
      expiresAt,
      issuedAt,
    })
  }

  revoke(device: string, call: DriverCall): Promise<void> {
    return this.#auth.revoke(device, call)
  }

  ping({ signal }: DriverCall): Promise<void> {
    return this.#carrier.ping(signal)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#auth.close()
    await this.#carrier.close()
    await this.journal?.close()
  }

  #makeAuth(): DeviceAuth {
    const { auth, signer, api, deps } = this.parts
    const cutOff = (device: string, username: string | undefined, reason: 'revoked' | 'expired'): void =>
      this.#carrier.presence.cutOff(device, username, reason)
    if (auth === 'jwt') return new JsonWebTokens(this.#ns, signer!, api!, deps.clock, cutOff)
    const control = (text: string, signal: AbortSignal): Promise<void> => this.parts.connection.publish(CONTROL_TOPIC, text, {}, signal)
    if (auth === 'dynsec') return new DynamicSecurity(this.#ns, { control }, deps.clock, deps.log, cutOff)
    const none = (): Promise<never> =>
      Promise.reject(broker.error('UNSUPPORTED', undefined, 'devices are let in by the files of the broker'))
    return { name: 'none', issue: none, revoke: none, connected: () => {}, close: async () => {} }
  }

  /** After each new connection: who is known as online is asked, or the broker is, where it tells. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { api } = this.parts
    this.#auth.connected()
    if (api === undefined) return this.#carrier.presence.callRoll()
    const clients = await api.clients(clientIdOf(this.#ns, ''), signal)
    this.#carrier.presence.settle(new Set(clients.flatMap(({ clientid }) => deviceOf(this.#ns, clientid) ?? [])))
  }

  #other(topic: string, bytes: Uint8Array): void {
    if (topic === RESPONSE_TOPIC && this.#auth instanceof DynamicSecurity) return this.#auth.answered(bytes)
    if (topic === VERSION_TOPIC) this.#version = Buffer.from(bytes).toString('utf8').slice(0, 100)
    const gone = /^\$SYS\/brokers\/[^/]+\/clients\/([^/]+)\/disconnected$/.exec(topic)
    const device = gone && deviceOf(this.#ns, gone[1]!)
    if (device) this.#carrier.presence.doubt(device)
  }
}

/** Reads the files that the settings name. @throws CONFIG_INVALID naming the setting */
async function endpointOf({ url, connectTimeoutMs, keepAliveSeconds, caFile, certFile, keyFile }: Settings): Promise<Endpoint> {
  const read = async (setting: string, file: string | undefined): Promise<Buffer | undefined> =>
    file === undefined
      ? undefined
      : readFile(file).catch((cause: unknown) => {
          throw broker.error('CONFIG_INVALID', 'open', `the file of ${setting} cannot be read`, cause)
        })
  const [ca, cert, key] = await Promise.all([
    read('PDVEND_PUSH_CA_FILE', caFile),
    read('PDVEND_PUSH_CERT_FILE', certFile),
    read('PDVEND_PUSH_KEY_FILE', keyFile),
  ])
  const options = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  return { broker, url: async () => url, connectTimeoutMs, keepAliveSeconds, options }
}

async function signerFrom({ jwtSecret, jwtKeyFile }: Settings): Promise<Signer | undefined> {
  if (jwtSecret !== undefined) {
    if (Buffer.byteLength(jwtSecret.reveal()) < 32) throw wrong('PDVEND_PUSH_JWT_SECRET is shorter than 32 bytes')
    return { secret: jwtSecret.reveal() }
  }
  if (jwtKeyFile === undefined) return undefined
  try {
    return signerOf(await readFile(jwtKeyFile))
  } catch (cause) {
    throw broker.error('CONFIG_INVALID', 'open', 'the file of PDVEND_PUSH_JWT_KEY_FILE holds no private key in PEM', cause)
  }
}

async function authOf({ deviceAuth }: Settings, signer: Signer | undefined, dynsec: () => Promise<boolean>): Promise<DeviceAuth['name']> {
  if (deviceAuth === 'auto') return signer !== undefined ? 'jwt' : (await dynsec()) ? 'dynsec' : 'none'
  if (deviceAuth === 'dynsec' && !(await dynsec()))
    throw wrong(
      `the broker has no dynamic-security plug-in, or does not let PDVEND_PUSH_USERNAME use ${CONTROL_TOPIC}: check PDVEND_PUSH_DEVICE_AUTH`,
    )
  return deviceAuth
}

function wrong(detail: string): PortError {
  return broker.error('CONFIG_INVALID', 'open', detail)
}
