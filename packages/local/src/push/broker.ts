import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { type Clock, type Logger, PortError, type PresenceFact } from '@pdvend/ports'
import { encodeFrame } from '@pdvend/ports/wire'
import { Access } from './access.js'
import { MAX_PAYLOAD_BYTES } from './limits.js'
import type { Registry } from './registry.js'
import { Sessions } from './sessions.js'
import { identityOf, usernameOf, verify } from './tokens.js'
import { parseTopic, presenceTopic, topicOf } from './topics.js'

/** A receiver that takes nothing for so long is cut off, so that it holds up nobody [P61]. */
const DRAIN_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 10_000
const MAX_KEEPALIVE_SECONDS = 1_200
/** How long devices have to come back after a host ended before they count as lost. */
const FORMER_GRACE_MS = 3_000
const NOT_AUTHORIZED = 5

export interface BrokerAddress {
  readonly address: string
  readonly tcpPort: number
  readonly wsPort: number
}

/** Listening servers without a broker yet: ports are known before the place of host is claimed. */
export interface Listening extends BrokerAddress {
  readonly servers: readonly Server[]
  readonly sockets: Set<Socket>
  /** From now on connections are served; those that came before are kept waiting in the backlog. */
  serve(handle: (stream: Socket | ReturnType<typeof createWebSocketStream>) => void): void
  close(): Promise<void>
}

/** Binds both ports, the wanted ones where they are free. @throws CONFIG_INVALID for a fixed port that is taken */
export async function listen(wanted: BrokerAddress, fixed: { readonly tcp: boolean; readonly ws: boolean }): Promise<Listening> {
  const sockets = new Set<Socket>()
  const waiting: Parameters<Parameters<Listening['serve']>[0]>[0][] = []
  let handle: Parameters<Listening['serve']>[0] = (stream) => void waiting.push(stream)
  const track = (socket: Socket): void => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }
  const tcp = createServer((socket) => {
    track(socket)
    handle(socket)
  })
  const http = createHttpServer((_request, response) => response.writeHead(426).end('This is an MQTT endpoint: connect by WebSocket.\n'))
  http.on('connection', track)
  const ws = new WebSocketServer({
    server: http,
    maxPayload: 4 * MAX_PAYLOAD_BYTES,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  })
  ws.on('connection', (socket) => handle(createWebSocketStream(socket)))
  ws.on('error', () => {})
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    ws.close()
    await Promise.all([tcp, http].map((server) => new Promise<void>((resolve) => server.close(() => resolve()))))
  }
  try {
    const tcpPort = await bind(tcp, wanted.address, wanted.tcpPort, fixed.tcp, 'PDVEND_PUSH_TCP_PORT')
    const wsPort = await bind(http, wanted.address, wanted.wsPort, fixed.ws, 'PDVEND_PUSH_WS_PORT')
    const serve: Listening['serve'] = (serveOne) => {
      handle = serveOne
      for (const stream of waiting.splice(0)) handle(stream)
    }
    return { address: wanted.address, tcpPort, wsPort, servers: [tcp, http], sockets, serve, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function bind(server: Server, address: string, port: number, fixed: boolean, setting: string): Promise<number> {
  const attempt = (number: number): Promise<void> =>
    new Promise((resolve, reject) => server.once('error', reject).listen(number, address, () => resolve(void server.off('error', reject))))
  try {
    await attempt(port)
  } catch (cause) {
    const { code } = cause as { code?: string }
    if (fixed || code !== 'EADDRINUSE') {
      const detail =
        code === 'EADDRINUSE'
          ? `port ${port} of ${setting} is taken`
          : `cannot listen on ${address}:${port}: check PDVEND_PUSH_HOST and ${setting}`
      throw new PortError(code === 'EADDRINUSE' ? 'UNAVAILABLE' : 'CONFIG_INVALID', {
        adapter: 'local-push',
        operation: 'open',
        detail,
        cause,
      })
    }
    await attempt(0)
  }
  return (server.address() as { port: number }).port
}

/** The embedded broker, while this process is its host. */
export class Broker {
  readonly #sessions: Sessions
  readonly #access: Access
  readonly #key: Uint8Array
  /** Instances that take a share of what devices send, by namespace. */
  readonly #sharing = new Map<string, Client[]>()
  #aedes!: Aedes
  #closed: Promise<void> | undefined

  private constructor(
    private readonly listening: Listening,
    private readonly registry: Registry,
    epoch: number,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.#key = registry.key()
    this.#sessions = new Sessions(registry, epoch, clock, (ns, fact) => this.#tellPresence(ns, fact))
    this.#access = new Access(registry, this.#sessions)
  }

  static async start(listening: Listening, registry: Registry, epoch: number, clock: Clock, log: Logger): Promise<Broker> {
    const broker = new Broker(listening, registry, epoch, clock, log)
    await broker.#start()
    return broker
  }

  /** Something changed in the registry. */
  changed(): void {
    this.#sessions.sweep()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #start(): Promise<void> {
    this.#aedes = await Aedes.createBroker({
      concurrency: 1_000,
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: DRAIN_TIMEOUT_MS,
      keepaliveLimit: MAX_KEEPALIVE_SECONDS,
      maxTopicLevels: 8,
      authenticate: (client, username, password, done) => {
        this.#authenticate(client, String(username ?? ''), String(password ?? '')).then(
          (fit) => done(null, fit),
          () => done(refusal(), false),
        )
      },
      authorizeSubscribe: (client, subscription, done) => {
        const session = this.#sessions.of(client)
        const may = session !== undefined && subscription.qos < 2 && this.#access.maySubscribe(session, subscription.topic)
        if (may && session.identity.role === 'app' && subscription.topic.endsWith('/app')) this.#share(session.identity.ns, client)
        done(null, may ? subscription : null)
      },
      authorizePublish: (client, packet, done) => {
        const session = client === null ? undefined : this.#sessions.of(client)
        const may = session !== undefined && !packet.retain && packet.qos < 2 && this.#access.mayPublish(session, packet.topic)
        if (may && packet.payload.length <= MAX_PAYLOAD_BYTES) return done(null)
        done(new Error('not allowed'))
      },
      authorizeForward: (client, packet) => {
        const session = this.#sessions.of(client)
        if (session === undefined || !this.#access.mayReceive(session, packet.topic)) return null
        const { kind, to, ns } = parseTopic(packet.topic) ?? {}
        return kind === 'up' && to === 'app' && !this.#isTurnOf(client, ns!, packet.brokerCounter) ? null : packet
      },
    })
    this.#aedes.on('clientError', (client, error) =>
      this.log.debug({ port: 'push', client: client.id, error: error.message }, 'a connection broke'),
    )
    this.#aedes.on('connectionError', (_client, error) =>
      this.log.debug({ port: 'push', error: error.message }, 'a connection was refused'),
    )
    this.listening.serve((stream) => this.#aedes.handle(stream))
    this.clock.timer(FORMER_GRACE_MS, () => {
      if (this.#closed === undefined)
        this.#sessions
          .settleFormer()
          .catch((error: unknown) => this.log.warn({ port: 'push', error: String(error) }, 'presence was not settled'))
    })
  }

  async #close(): Promise<void> {
    await this.#sessions.close()
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()))
    await this.listening.close()
  }

  /** [P47, P48, P49] Nobody without a password that we signed, that is not over and not revoked. */
  async #authenticate(client: Client, username: string, password: string): Promise<boolean> {
    const identity = identityOf(username)
    const grant = identity && verify(this.#key, identity, password)
    if (identity === undefined || grant === undefined || client.id !== username || !client.clean) return false
    if (grant.expiresAt <= this.clock.now()) return false
    if (identity.role === 'device') {
      if (this.registry.device(identity.ns, identity.name)?.generation !== grant.generation) return false
      await this.#takeOver(username, identity)
    }
    await this.#sessions.begin(client, identity, grant)
    return true
  }

  /** [P59] Tells the one that was connected as this device before aedes closes it. */
  async #takeOver(username: string, { ns, name }: { readonly ns: string; readonly name: string }): Promise<void> {
    for (const session of this.#sessions.all()) {
      if (usernameOf(session.identity) !== username) continue
      session.ending ??= 'takenOver'
      const payload = Buffer.from(encodeFrame({ kind: 'takenOver', sentAt: this.clock.now() }))
      const told = new Promise<void>((resolve) => {
        session.client.publish({ cmd: 'publish', topic: topicOf(ns, { device: name }), payload, qos: 0, retain: false, dup: false }, () =>
          resolve(),
        )
      })
      // A dead peer never drains: it is not waited for.
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 50))])
    }
  }

  #share(ns: string, client: Client): void {
    const members = this.#sharing.get(ns) ?? []
    this.#sharing.set(ns, members)
    if (members.includes(client)) return
    members.push(client)
    client.conn.once('close', () => void members.splice(members.indexOf(client), 1))
  }

  /** aedes 1.2 has no `$share`: each message goes to one of the instances, in turn. */
  #isTurnOf(client: Client, ns: string, counter: number): boolean {
    const members = this.#sharing.get(ns) ?? []
    return members.length > 0 && members[counter % members.length] === client
  }

  #tellPresence(ns: string, fact: PresenceFact): void {
    if (this.#aedes === undefined || this.#aedes.closed) return
    const payload = Buffer.from(JSON.stringify(fact))
    this.#aedes.publish({ cmd: 'publish', topic: presenceTopic(ns), payload, qos: 1, retain: false, dup: false }, () => {})
  }
}

function refusal(): AuthenticateError {
  return Object.assign(new Error('refused'), { returnCode: NOT_AUTHORIZED })
}
