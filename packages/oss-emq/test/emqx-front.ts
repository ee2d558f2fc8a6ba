import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export const KEY = 'pdvend-key'
export const SECRET = 'pdvend-secret'

interface Claims {
  readonly clientid: string
  readonly username: string
  readonly exp: number
  readonly acl: { readonly sub: readonly string[]; readonly pub: readonly string[] }
}

interface Connect {
  readonly clientId: string
  readonly username: string
  readonly password: string
  readonly flags: number
  readonly keepAlive: number
  readonly will: Buffer
}

/** What stands in for EMQX, which is in none of the package registries: its rules for tokens, and its HTTP API. */
export interface EmqxFront {
  readonly port: number
  readonly apiUrl: string
  /** Requests of the API so far, as `METHOD /path`. */
  readonly requests: readonly string[]
  stop(): Promise<void>
}

/**
 * MQTT 3.1.1 in front of a real broker, with what EMQX 5.8 documents for JWT authentication with the claims `acl`, `exp`,
 * `username` and `clientid`, banned user names, `GET/DELETE /clients`, their subscriptions, `GET/POST /banned`: the answers in the shapes of
 * https://docs.emqx.com/en/emqx/v5.8/admin/api-docs.html. The broker behind only knows the app's user.
 */
export async function emqxFront(brokerPort: number, app: { username: string; password: string }, tokenSecret: string): Promise<EmqxFront> {
  const clients = new Map<string, { readonly username: string; readonly socket: Socket; readonly topics: Set<string> }>()
  const banned = new Map<string, string>()
  const requests: string[] = []

  const admitted = ({ clientId, username, password }: Connect): Claims | 'app' | undefined => {
    if (username === app.username) return password === app.password ? 'app' : undefined
    const claims = verified(password, tokenSecret)
    if (claims === undefined || claims.exp * 1_000 <= Date.now() || banned.has(username)) return undefined
    return claims.username === username && claims.clientid === clientId ? claims : undefined
  }

  const mqtt = createServer((near) => {
    near.setNoDelay(true).on('error', () => {})
    let rules: Claims | 'app' | undefined
    let far: Socket | undefined
    const topics = new Set<string>()
    eachPacket(near, (packet, body) => {
      const type = packet[0]! >> 4
      if (far === undefined) {
        const hello = readConnect(packet, body)
        rules = admitted(hello)
        if (rules === undefined) return void near.end(Buffer.from([0x20, 2, 0, 5]))
        far = connect(brokerPort, '127.0.0.1').setNoDelay(true)
        far.on('error', () => near.destroy()).once('close', () => near.destroy())
        far.pipe(near)
        near.once('close', () => {
          far!.destroy()
          if (clients.get(hello.clientId)?.socket === near) clients.delete(hello.clientId)
        })
        clients.set(hello.clientId, { username: hello.username, socket: near, topics })
        return void far.write(writeConnect({ ...hello, ...app }))
      }
      if (rules !== undefined && rules !== 'app') {
        if (type === 8 && !filtersOf(body).every((filter) => (rules as Claims).acl.sub.includes(filter)))
          return void near.write(Buffer.from([0x90, 3, body[0]!, body[1]!, 0x80]))
        const length = type === 3 ? body.readUInt16BE(0) : 0
        if (type === 3 && !(rules as Claims).acl.pub.some((filter) => matches(filter, body.toString('utf8', 2, 2 + length))))
          return void near.write(Buffer.from([0x40, 2, body[2 + length]!, body[3 + length]!]))
      }
      if (type === 8) for (const filter of filtersOf(body)) topics.add(filter)
      far.write(packet)
    })
  })

  const api = createHttpServer((request, response) => void answer(request, response))
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url!, 'http://emqx')
    const path = pathname.replace('/api/v5', '')
    requests.push(`${request.method} ${path}`)
    const reply = (status: number, body?: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body))
    }
    if (request.headers.authorization !== `Basic ${Buffer.from(`${KEY}:${SECRET}`).toString('base64')}`)
      return reply(401, { code: 'BAD_API_KEY_OR_SECRET', message: 'Check api_key/api_secret' })
    const paged = (all: readonly object[]): void => {
      const [page, limit] = [Number(searchParams.get('page') ?? 1), Number(searchParams.get('limit') ?? 100)]
      const data = all.slice((page - 1) * limit, page * limit)
      reply(200, { data, meta: { page, limit, count: all.length, hasnext: page * limit < all.length } })
    }
    if (request.method === 'GET' && path === '/clients') {
      const like = searchParams.get('like_clientid') ?? ''
      return paged(
        [...clients].filter(([id]) => id.includes(like)).map(([clientid, { username }]) => ({ clientid, username, connected: true })),
      )
    }
    if (request.method === 'DELETE' && path.startsWith('/clients/')) {
      const found = clients.get(decodeURIComponent(path.slice('/clients/'.length)))
      if (found === undefined) return reply(404, { code: 'CLIENTID_NOT_FOUND', message: 'Client ID not found' })
      found.socket.destroy()
      return reply(204)
    }
    const subscriptions = /^\/clients\/([^/]+)\/subscriptions$/.exec(path)
    if (request.method === 'GET' && subscriptions !== null) {
      const found = clients.get(decodeURIComponent(subscriptions[1]!))
      if (found === undefined) return reply(404, { code: 'CLIENTID_NOT_FOUND', message: 'Client ID not found' })
      return reply(
        200,
        [...found.topics].map((topic) => ({ topic, qos: 1, clientid: subscriptions[1], node: 'emqx@127.0.0.1' })),
      )
    }
    if (request.method === 'GET' && path === '/banned')
      return paged([...banned].map(([who, until]) => ({ as: 'username', who, by: 'pdvend', reason: '', at: until, until })))
    if (request.method === 'POST' && path === '/banned') {
      let text = ''
      for await (const chunk of request) text += String(chunk)
      const { as, who, until } = JSON.parse(text) as { as: string; who: string; until: string }
      if (as !== 'username' || Number.isNaN(Date.parse(until))) return reply(400, { code: 'BAD_REQUEST', message: text })
      if (banned.has(who)) return reply(400, { code: 'ALREADY_EXISTS', message: 'already_exist' })
      banned.set(who, until)
      return reply(200, { as, who, until })
    }
    return reply(404, { code: 'NOT_FOUND', message: path })
  }

  const [port, apiPort] = await Promise.all([mqtt, api].map(listening))
  return {
    port: port!,
    apiUrl: `http://127.0.0.1:${apiPort}`,
    requests,
    async stop() {
      for (const { socket } of clients.values()) socket.destroy()
      api.closeAllConnections()
      await Promise.all([mqtt, api].map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return (server.address() as AddressInfo).port
}

function verified(token: string, secret: string): Claims | undefined {
  const [header, claims, given, ...rest] = token.split('.')
  if (given === undefined || rest.length > 0) return undefined
  const wanted = createHmac('sha256', secret).update(`${header}.${claims}`).digest()
  const got = Buffer.from(given, 'base64url')
  if (got.toString('base64url') !== given || got.length !== wanted.length || !timingSafeEqual(got, wanted)) return undefined
  return JSON.parse(Buffer.from(claims!, 'base64url').toString('utf8')) as Claims
}

/** Cuts a stream into MQTT packets; gives each whole, and its variable header with payload. */
function eachPacket(socket: Socket, take: (packet: Buffer, body: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      let length = 0
      let at = 1
      for (let shift = 0; ; shift += 7) {
        if (at >= rest.length) return
        length += (rest[at]! & 0x7f) << shift
        if ((rest[at++]! & 0x80) === 0) break
      }
      if (rest.length < at + length) return
      take(rest.subarray(0, at + length), rest.subarray(at, at + length))
      rest = rest.subarray(at + length)
    }
  })
}

function readConnect(_packet: Buffer, body: Buffer): Connect {
  let at = 10
  const next = (): Buffer => {
    const length = body.readUInt16BE(at)
    const value = body.subarray(at, at + 2 + length)
    at += 2 + length
    return value
  }
  const flags = body[7]!
  const clientId = next().toString('utf8', 2)
  const will = flags & 4 ? Buffer.concat([next(), next()]) : Buffer.alloc(0)
  const username = flags & 0x80 ? next().toString('utf8', 2) : ''
  const password = flags & 0x40 ? next().toString('utf8', 2) : ''
  return { clientId, username, password, flags, keepAlive: body.readUInt16BE(8), will }
}

function writeConnect({ clientId, username, password, flags, keepAlive, will }: Connect): Buffer {
  const text = (value: string): Buffer =>
    Buffer.concat([Buffer.from([Buffer.byteLength(value) >> 8, Buffer.byteLength(value) & 0xff]), Buffer.from(value)])
  const body = Buffer.concat([
    text('MQTT'),
    Buffer.from([4, flags | 0xc0, keepAlive >> 8, keepAlive & 0xff]),
    text(clientId),
    will,
    text(username),
    text(password),
  ])
  const length: number[] = []
  for (let left = body.length; ;) {
    const digit = left % 128
    left = Math.floor(left / 128)
    length.push(left > 0 ? digit | 0x80 : digit)
    if (left === 0) break
  }
  return Buffer.concat([Buffer.from([0x10, ...length]), body])
}

function filtersOf(body: Buffer): readonly string[] {
  const filters: string[] = []
  for (let at = 2; at < body.length;) {
    const length = body.readUInt16BE(at)
    filters.push(body.toString('utf8', at + 2, at + 2 + length))
    at += 3 + length
  }
  return filters
}

/** One level for `+`; the rules use nothing else. */
function matches(filter: string, topic: string): boolean {
  const [wanted, got] = [filter.split('/'), topic.split('/')]
  return wanted.length === got.length && wanted.every((level, index) => level === '+' || level === got[index])
}
