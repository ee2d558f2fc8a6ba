import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { errorAnswer } from '../aws-proxy/answers.js'
import { toRequest } from '../aws-proxy/proxy.js'
import type { Refusal } from '../aws-proxy/types.js'
import { admit, type AdmissionParts } from './admission.js'
import type { Reply } from './data-plane.js'
import { isRefusal } from './identity.js'
import type { Breakable } from './types.js'
import { tcpWire, webSocketWire, type Wire } from './wire.js'
import type { ProxiedRequest } from '../aws-proxy/types.js'

export interface FrontParts extends AdmissionParts {
  readonly httpPort: number
  readonly tcpPort: number
  readonly answer: (request: ProxiedRequest) => Promise<Reply>
}

/** What listens: REST and MQTT over WebSocket on one port, MQTT over TCP on another. */
export class Front implements Breakable {
  readonly #http = createHttpServer((incoming, outgoing) => void this.#rest(incoming, outgoing).catch(() => incoming.socket.destroy()))
  readonly #tcp = createTcpServer((socket) => void this.#track(socket).then(() => this.#admit(tcpWire(socket))))
  readonly #webSockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false) })
  readonly #sockets = new Set<Socket>()
  /** Nobody gets on before it resolves. */
  #thawed: Promise<void> = Promise.resolve()

  constructor(private readonly parts: FrontParts) {
    this.#http.keepAliveTimeout = 60_000
    this.#http.on('connection', (socket) => void this.#track(socket))
    this.#http.on('upgrade', (upgrade, socket, head) => void this.#upgrade(upgrade, socket, head).catch(() => socket.destroy()))
  }

  async listen(): Promise<void> {
    await Promise.all([listenOn(this.#http, this.parts.httpPort), listenOn(this.#tcp, this.parts.tcpPort)])
  }

  async down(how: 'in-order' | 'killed'): Promise<() => Promise<void>> {
    for (const client of this.parts.clients.connections()) {
      if (how === 'killed') client.abandon()
      else client.end('SERVER_INITIATED_DISCONNECT')
    }
    const closed = [this.#http, this.#tcp].map((server) => new Promise((resolve) => server.close(resolve)))
    // Who was told goodbye reads it first.
    if (how === 'in-order') await new Promise((resolve) => setTimeout(resolve, 50))
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await Promise.all(closed)
    return () => this.listen()
  }

  async pause(): Promise<() => Promise<void>> {
    let thaw = (): void => {}
    this.#thawed = new Promise((resolve) => (thaw = resolve))
    const releases = this.parts.clients.connections().map((client) => client.hold())
    return async () => {
      thaw()
      for (const release of releases) release()
    }
  }

  #track(socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    return this.#thawed
  }

  #admit(wire: Wire): void {
    admit(wire, this.parts).catch((error: unknown) => {
      this.parts.log(`a connection failed: ${String(error)}`)
      wire.socket.destroy()
    })
  }

  async #rest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    await this.#thawed
    const request = await toRequest(incoming, true)
    const reply = await this.parts.answer(request)
    await this.#thawed
    if (!('ok' in reply)) return this.#refuse(request, reply, outgoing)
    const body = JSON.stringify(reply.ok)
    outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  }

  #refuse({ method, path }: ProxiedRequest, refusal: Refusal, outgoing: ServerResponse): void {
    this.parts.log(`${method} ${path}: ${refusal.status} ${refusal.code}: ${refusal.message}`)
    const { status, headers, body } = errorAnswer('iot', refusal)
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
  }

  async #upgrade(upgrade: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    await this.#thawed
    const request = await toRequest(upgrade, false)
    const signed = request.query.has('X-Amz-Signature') ? this.parts.signedIn.visitor(request) : undefined
    const refused = request.path !== '/mqtt' || (signed !== undefined && isRefusal(signed))
    if (refused) {
      const why = signed !== undefined && isRefusal(signed) ? signed.message : 'MQTT is at /mqtt'
      this.parts.log(`a WebSocket was refused: ${why}`)
      return void socket.end(`HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    }
    this.#webSockets.handleUpgrade(upgrade, socket, head, (webSocket) => this.#admit(webSocketWire(webSocket, upgrade, signed)))
  }
}

async function listenOn(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}
