import { setMaxListeners } from 'node:events'
import { readFile } from 'node:fs/promises'
import {
  type AdapterDeps,
  type Clock,
  type ClockTimer,
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
import { checkAddresses, deviceUrls } from './address.js'
import { endpointOf, type Login } from './client.js'
import { clientIdOf, deviceOf, fenceTopic, grantsOf, inboundFilters, parseTopic, presenceTopic, shared, topicOf, upTopic } from './codec.js'
import type { Settings } from './config.js'
import { Connection } from './connection.js'
import type { DeviceAuth } from './credentials/device-auth.js'
import { CONTROL_TOPIC, DynamicSecurity, RESPONSE_TOPIC } from './credentials/dynamic-security.js'
import { JsonWebTokens, type Signer, signerOf } from './credentials/json-web-tokens.js'
import { hasDynamicSecurity, letsAnyoneIn } from './detect.js'
import { EmqxApi } from './emqx-api.js'
import { fail } from './errors.js'
import { PresenceBook } from './presence.js'

/** Largest message on the wire. AWS IoT's bound (128 KiB), kept on every profile so that what works here works there. */
const MAX_PAYLOAD_BYTES = 131_072
/** What a packet needs beside its payload: topic (256 bytes), header, properties. */
const PACKET_OVERHEAD_BYTES = 512
/** A handler that takes longer gets its message acknowledged all the same: the device sends again what was not settled. */
const ACKNOWLEDGE_WITHIN_MS = 500
/**
 * How often it is seen to that messages still come in, and how long one may take, in milliseconds: HiveMQ CE 2025.5, killed and
 * restarted on a loaded machine, now and then kept a connection whose subscriptions brought nothing (26 Nov 2026).
 */
const CHECK_EVERY_MS = 15_000
const CHECK_MS = 10_000
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
  let journal: PushJournal | undefined
  try {
    const { level, sharedSubscriptions } = connection.welcome
    if (!sharedSubscriptions) throw noSharing()
    const auth = await authOf(settings, signer, () => hasDynamicSecurity(endpoint, login, level, ns, signal))
    if (auth === 'jwt' && (signer === undefined || api === undefined)) {
      const missing =
        signer === undefined ? 'PDVEND_PUSH_JWT_SECRET or PDVEND_PUSH_JWT_KEY_FILE' : 'PDVEND_PUSH_API_URL, to cut devices off'
      throw wrong(`device tokens need ${missing}`)
    }
    const [anyone, opened] = await Promise.all([
      letsAnyoneIn(endpoint, level, signal),
      openJournal(settings, deps).then((made) => (journal = made)),
      api?.ping(signal),
    ])
    if (anyone) {
      const detail = 'the broker lets in clients without a password: forbid that there (Mosquitto: allow_anonymous false)'
      if (settings.anonymous === 'refuse') throw wrong(`${detail}, or set PDVEND_PUSH_ANONYMOUS to warn`)
      log.warn({ port: 'push', adapter: 'oss-emq' }, detail)
    }
    const driver = new OssEmq({ settings, instance, connection, journal: opened, api, signer, auth, deps })
    await driver.start(signal)
    return driver
  } catch (error) {
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
  readonly journal: (PushJournal & { readonly facts?: Readonly<Record<string, string>> }) | undefined
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
  readonly #clock: Clock
  readonly #connection: Connection
  readonly #presence: PresenceBook
  readonly #auth: DeviceAuth
  readonly #ended = new AbortController()
  #handlers: InboundHandlers | undefined
  readonly #fences = new Set<() => void>()
  #check: ClockTimer | undefined
  #version: string | undefined
  #closing: Promise<void> | undefined

  constructor(private readonly parts: Parts) {
    const { settings, connection, journal, auth, deps } = parts
    this.#ns = settings.namespace
    this.#clock = deps.clock
    this.#connection = connection
    this.capabilities = { journal: journal !== undefined, presence: true, request: true, receipts: true, credentials: auth !== 'none' }
    if (journal !== undefined) this.journal = journal
    const most = connection.welcome.maximumPacketSize ?? Infinity
    this.limits = { maxPayloadBytes: Math.min(MAX_PAYLOAD_BYTES, most - PACKET_OVERHEAD_BYTES) }
    const { signal } = this.#ended
    // Whatever the driver itself sends listens to it.
    setMaxListeners(0, signal)
    this.#presence = new PresenceBook({
      clock: deps.clock,
      log: deps.log,
      declare: (device, text) => connection.publish(presenceTopic(this.#ns, device), text, { retain: true }, signal),
      tell: (device, frame) => connection.publish(topicOf(this.#ns, device === undefined ? { all: true } : { device }), frame, {}, signal),
    })
    this.#auth = this.#makeAuth()
    connection.use(
      (topic, payload, retained) => this.#take(topic, payload, retained),
      () => void this.#settle(signal).catch(() => {}),
    )
  }

  get facts(): Readonly<Record<string, string>> {
    const { connection, journal, auth, api } = this.parts
    return {
      broker: this.#version ?? (api === undefined ? 'unknown' : 'EMQX'),
      protocol: connection.welcome.level === 5 ? 'MQTT 5' : 'MQTT 3.1.1',
      'device credentials': auth,
      ...(journal === undefined ? { journal: 'none: only connected devices are reached' } : journal.facts),
    }
  }

  /** Subscribes to what is always heard, and waits until it is there. */
  async start(signal: AbortSignal): Promise<void> {
    const filters = [presenceTopic(this.#ns, '+'), shared(this.parts.instance, fenceTopic(this.#ns, this.parts.instance))]
    if (this.#auth instanceof DynamicSecurity) filters.push(RESPONSE_TOPIC)
    await this.#connection.subscribe(filters, signal)
    for (const filter of [VERSION_TOPIC, ...(this.parts.api ? [DISCONNECTED_TOPIC] : [])])
      await this.#connection.subscribe([filter], signal).catch((error: unknown) => {
        if (!PortError.is(error, 'PERMISSION_DENIED')) throw error
      })
    if (this.#auth instanceof DynamicSecurity) await this.#auth.checkDefaults(signal)
    const late = AbortSignal.timeout(this.parts.settings.connectTimeoutMs)
    await this.#settle(AbortSignal.any([signal, late])).catch((error: unknown) => {
      throw late.aborted ? noSharing() : error
    })
    this.#checkLater()
  }

  async send(to: Target, bytes: Uint8Array, { signal }: DriverCall): Promise<void> {
    await this.#connection.publish(topicOf(this.#ns, to), bytes, {}, signal)
  }

  async receive(instance: string, handlers: InboundHandlers, { signal }: DriverCall): Promise<void> {
    this.#handlers = handlers
    await this.#connection.subscribe(inboundFilters(this.#ns, instance), signal)
  }

  async presence(device: string, _call: DriverCall): Promise<Presence> {
    return this.#presence.presence(device)
  }

  watchPresence(listener: (fact: PresenceFact) => void): () => void {
    return this.#presence.watch(listener)
  }

  async issue(device: string, { ttlMs, groups, regrouped, signal }: IssueRequest): Promise<DeviceConnection> {
    const { settings, connection } = this.parts
    const expiresAt = this.#clock.now() + ttlMs
    const credential = await this.#auth.issue(device, { groups, regrouped, expiresAt, signal })
    return {
      device,
      clientId: clientIdOf(this.#ns, device),
      urls: deviceUrls(settings),
      protocolVersion: connection.welcome.level,
      ...credential,
      subscribe: grantsOf(this.#ns, device, groups).subscribe,
      publish: upTopic(this.#ns, device),
      keepAliveSeconds: settings.keepAliveSeconds,
      expiresAt: new Date(expiresAt).toISOString(),
      issuedAt: new Date(this.#clock.now()).toISOString(),
      presence: presenceTopic(this.#ns, device),
      regrant: 'reconnect',
    }
  }

  revoke(device: string, call: DriverCall): Promise<void> {
    return this.#auth.revoke(device, call)
  }

  async ping({ signal }: DriverCall): Promise<void> {
    if (!this.#connection.connected)
      throw new PortError('UNAVAILABLE', {
        adapter: 'oss-emq',
        operation: 'ping',
        detail: 'no connection to the broker of PDVEND_PUSH_URL',
      })
    await this.#connection.publish(fenceTopic(this.#ns, this.parts.instance), '', {}, signal)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#check?.cancel()
    this.#presence.close()
    await this.#auth.close()
    await this.#connection.close()
    this.#ended.abort(new PortError('CLOSED', { adapter: 'oss-emq' }))
    await this.journal?.close()
  }

  #makeAuth(): DeviceAuth {
    const { auth, signer, api, deps } = this.parts
    const cutOff = (device: string, username: string | undefined, reason: 'revoked' | 'expired'): void =>
      this.#presence.cutOff(device, username, reason)
    if (auth === 'jwt') return new JsonWebTokens(this.#ns, signer!, api!, deps.clock, cutOff)
    const control = (text: string, signal: AbortSignal): Promise<void> => this.#connection.publish(CONTROL_TOPIC, text, {}, signal)
    if (auth === 'dynsec') return new DynamicSecurity(this.#ns, { control }, deps.clock, deps.log, cutOff)
    const none = (): Promise<never> =>
      Promise.reject(new PortError('UNSUPPORTED', { adapter: 'oss-emq', detail: 'devices are let in by the files of the broker' }))
    return { name: 'none', issue: none, revoke: none, connected: () => {}, close: async () => {} }
  }

  /** After each new connection: once what is retained has come, who is known as online is asked. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { api } = this.parts
    this.#auth.connected()
    await this.#passFence(signal)
    if (api === undefined) return this.#presence.callRoll()
    const clients = await api.clients(clientIdOf(this.#ns, ''), signal)
    this.#presence.settle(new Set(clients.flatMap(({ clientid }) => deviceOf(this.#ns, clientid) ?? [])))
  }

  /** Sends a message to oneself, and waits for it. */
  async #passFence(signal: AbortSignal): Promise<void> {
    let pass = (): void => {}
    const passed = new Promise<void>((resolve) => (pass = resolve))
    this.#fences.add(pass)
    try {
      await this.#connection.publish(fenceTopic(this.#ns, this.parts.instance), 'fence', {}, signal)
      await orAborted(passed, signal)
    } finally {
      this.#fences.delete(pass)
    }
  }

  #checkLater(): void {
    this.#check = this.#clock.timer(CHECK_EVERY_MS, () => {
      const { lost } = this.#connection
      this.#passFence(AbortSignal.any([this.#ended.signal, AbortSignal.timeout(CHECK_MS)]))
        .catch(() => {
          if (this.#closing !== undefined || !this.#connection.connected || this.#connection.lost !== lost) return
          this.parts.deps.log.warn({ port: 'push' }, 'the broker no longer brings what it takes: connecting anew')
          this.#connection.drop()
        })
        .finally(() => this.#closing === undefined && this.#checkLater())
    })
  }

  async #take(topic: string, bytes: Uint8Array, retained: boolean): Promise<void> {
    const parsed = parseTopic(this.#ns, topic)
    if (parsed?.kind === 'presence') return this.#presence.take(parsed.name, bytes, retained)
    if (parsed?.kind === 'fence') return this.#fences.forEach((pass) => pass())
    if (parsed?.kind === 'up') return this.#inbound(parsed.name, parsed.to!, bytes)
    if (topic === RESPONSE_TOPIC && this.#auth instanceof DynamicSecurity) return this.#auth.answered(bytes)
    if (topic === VERSION_TOPIC) this.#version = Buffer.from(bytes).toString('utf8').slice(0, 100)
    const gone = /^\$SYS\/brokers\/[^/]+\/clients\/([^/]+)\/disconnected$/.exec(topic)
    const device = gone && deviceOf(this.#ns, gone[1]!)
    if (device) this.#presence.doubt(device)
  }

  async #inbound(device: string, to: string, bytes: Uint8Array): Promise<void> {
    if (this.#handlers === undefined) return
    const handling = to === 'app' ? this.#handlers.shared({ device, bytes }) : this.#handlers.own({ device, bytes })
    let timer = { cancel: (): void => {} }
    const enough = new Promise<void>((resolve) => (timer = this.#clock.timer(ACKNOWLEDGE_WITHIN_MS, resolve)))
    await Promise.race([handling, enough])
    timer.cancel()
  }
}

/** The journal, where one is named; its client is loaded only then. */
async function openJournal({ journal, ...settings }: Settings, { log, signal }: AdapterDeps): Promise<PushJournal | undefined> {
  if (journal === undefined) {
    log.warn({ port: 'push', adapter: 'oss-emq' }, 'no PDVEND_PUSH_JOURNAL: messages reach only devices that are connected')
    return undefined
  }
  const { openPostgresJournal } = await import('@pdvend/push-journal')
  const { namespace, maxQueued, overflow } = settings
  return openPostgresJournal(journal.reveal(), { namespace, maxQueued, overflow }, { log, signal })
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
    throw new PortError('CONFIG_INVALID', {
      adapter: 'oss-emq',
      operation: 'open',
      detail: 'the file of PDVEND_PUSH_JWT_KEY_FILE holds no private key in PEM',
      cause,
    })
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

function noSharing(): PortError {
  return wrong('no message came back from the broker: it must know shared subscriptions ($share), and let PDVEND_PUSH_USERNAME use pdv/#')
}

function wrong(detail: string): PortError {
  return new PortError('CONFIG_INVALID', { adapter: 'oss-emq', operation: 'open', detail })
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error)
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
