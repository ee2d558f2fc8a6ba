import { Agent, createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { cutOff, flipped, slowed } from './answer-body.js'
import { DENIED, errorAnswer, EXPIRED_TOKEN, INTERNAL, THROTTLED, UNAVAILABLE } from './answers.js'
import { ENTRY_FAILURES, entriesOf, type Remainder, without } from './batch.js'
import { type Fault, type FaultKind, Faults } from './faults.js'
import { firehoseLimits } from './limits-firehose.js'
import { iotLimits } from './limits-iot.js'
import { s3Limits } from './limits-s3.js'
import { sqsLimits } from './limits-sqs.js'
import { type Allowed, lacking, rightsOf } from './policy.js'
import { checkSignature, type Credentials } from './signature.js'
import { type AwsService, isPartial, type Limits, type PartialRefusal, type ProxiedRequest, type Refusal } from './types.js'

export interface AwsProxyOptions {
  readonly service: AwsService
  /** Origin of the emulator, e.g. `http://127.0.0.1:4566`. It sees the `Host` that the client signed, which is the proxy's. */
  readonly target: string
  /** Who may come in; absent: signatures are not checked here. */
  readonly credentials?: Credentials
  readonly faults?: readonly Fault[]
  /** Twelve digits: whose the resources are. Default that of the emulators, 000000000000. */
  readonly account?: string
  /** Of the choice which requests a fault meets. Default 1. */
  readonly seed?: number
  /** Sees every request before anything is done to it. */
  readonly onRequest?: (request: Pick<ProxiedRequest, 'method' | 'target' | 'headers'>) => void
}

/** A running proxy. */
export interface AwsProxy {
  readonly url: string
  /** From now on these faults, and no others; none = it only enforces limits and signatures. Broken connections stay broken. */
  inject(...faults: readonly Fault[]): void
  /** From now on what these allow, and nothing else; without them everything. */
  allow(permissions?: readonly Allowed[]): void
  /** The actions that the requests since the last `allow` needed, as a policy names them; sorted. */
  readonly needed: readonly string[]
  /** This session token is refused from now on. */
  expire(sessionToken: string): void
  /** How often each fault has struck. */
  readonly hits: Readonly<Partial<Record<FaultKind, number>>>
  stop(): Promise<void>
}

/**
 * AWS in front of an emulator: enforces the limits as published, checks signatures, answers with AWS's own error shapes, and breaks
 * on request. Listens on loopback.
 */
export async function startAwsProxy(options: AwsProxyOptions): Promise<AwsProxy> {
  const { service, target, credentials, onRequest, account = '000000000000' } = options
  const faults = new Faults(options.seed)
  faults.set(options.faults ?? [])
  const limits = limitsOf(service)
  const expired = new Set<string>()
  const needed = new Set<string>()
  let allowed: readonly Allowed[] | undefined
  // A connection a request: one that the emulator had just closed would look like a fault.
  const agent = new Agent({ keepAlive: false })
  const { hostname, port } = new URL(target)

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const streamed = service === 's3' && incoming.method === 'PUT' && isObject(incoming.url!)
    const request = await toRequest(incoming, !streamed)
    onRequest?.(request)
    outgoing.setHeader('date', new Date(Date.now() + faults.skewMs).toUTCString())
    if (faults.strikes('blackHole') !== undefined) return void incoming.resume()
    if (faults.strikes('reset') !== undefined) return void incoming.socket.resetAndDestroy()
    const verdict = refusalOf(request) ?? forbidden(request) ?? limits.check(request) ?? chosenEntries(request)
    if (verdict !== undefined && !isPartial(verdict)) return refuse(incoming, outgoing, verdict)
    const remainder = verdict === undefined ? undefined : without(service, request, verdict.entries)
    if (remainder !== undefined && remainder.body === undefined) return answerAll(outgoing, remainder)
    await forward(incoming, outgoing, request, remainder)
  }

  const refusalOf = (request: ProxiedRequest): Refusal | undefined => {
    const token = request.headers['x-amz-security-token']
    if (faults.strikes('expiredToken') !== undefined || (typeof token === 'string' && expired.has(token))) return EXPIRED_TOKEN[service]
    if (faults.strikes('denied') !== undefined) return DENIED[service]
    if (faults.strikes('throttle') !== undefined) return THROTTLED[service]
    if (faults.strikes('internalError') !== undefined) return INTERNAL[service]
    if (faults.strikes('unavailable') !== undefined) return UNAVAILABLE[service]
    return credentials === undefined ? undefined : checkSignature(service, request, credentials, Date.now() + faults.skewMs)
  }

  const forbidden = (request: ProxiedRequest): Refusal | PartialRefusal | undefined => {
    const owner = request.headers['x-amz-expected-bucket-owner']
    if (owner !== undefined && owner !== account) return DENIED[service]
    const rights = rightsOf(service, request, account)
    for (const { action } of rights) needed.add(action)
    const missing = allowed === undefined ? undefined : lacking(allowed, rights, account)
    if (missing === undefined) return undefined
    const message = `User: arn:aws:iam::${account}:user/pdv is not authorized to perform: ${missing.action} on resource: ${missing.resource}`
    const refusal = { ...DENIED[service], message }
    // S3 looks at each key of a bulk delete.
    const entries = service === 's3' ? entriesOf(service, request) : 0
    return entries === 0 ? refusal : { entries: new Map(Array.from({ length: entries }, (_, index) => [index, refusal])) }
  }

  /** The entries of a batch that the fault `partialFailure` meets. */
  const chosenEntries = (request: ProxiedRequest) => {
    const indices = Array.from({ length: entriesOf(service, request) }, (_, index) => index)
    const struck = indices.filter(() => faults.strikes('partialFailure') !== undefined)
    return struck.length === 0 ? undefined : { entries: new Map(struck.map((index) => [index, ENTRY_FAILURES[service]])) }
  }

  const refuse = async (incoming: IncomingMessage, outgoing: ServerResponse, refusal: Refusal): Promise<void> => {
    const { status, headers, body } = errorAnswer(service, refusal)
    // A body that is too large is not waited for.
    if (refusal.code === 'EntityTooLarge') outgoing.setHeader('connection', 'close')
    else if (!incoming.readableEnded) for await (const _chunk of incoming);
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
    outgoing.end(incoming.method === 'HEAD' ? undefined : body)
  }

  const answerAll = (outgoing: ServerResponse, remainder: Remainder): void => {
    const type = service === 's3' ? 'application/xml' : service === 'sqs' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1'
    outgoing.writeHead(200, { 'content-type': type }).end(remainder.merge(undefined))
  }

  const forward = async (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    request: ProxiedRequest,
    remainder: Remainder | undefined,
  ): Promise<void> => {
    const body = remainder === undefined ? request.body : remainder.body
    const { expect: _expect, ...asked } = request.headers
    const headers = remainder === undefined ? asked : rewritten(asked, body!.byteLength)
    const upstream = httpRequest({ agent, hostname, port, method: request.method, path: request.target, headers })
    // Who hangs up must not leave half a request behind.
    outgoing.once('close', () => outgoing.writableFinished || upstream.destroy())
    const answered = new Promise<IncomingMessage>((resolve, reject) => upstream.once('response', resolve).once('error', reject))
    if (body === undefined) incoming.pipe(upstream)
    else upstream.end(body)
    const answer = await answered
    if ((answer.statusCode ?? 500) < 300) limits.accepted?.(request)
    if (faults.strikes('lostReply') !== undefined) {
      await buffer(answer)
      return void incoming.socket.resetAndDestroy()
    }
    const { date: _date, connection: _connection, 'keep-alive': _keepAlive, ...rest } = answer.headers
    if (remainder !== undefined) {
      const merged = remainder.merge(await buffer(answer))
      const { 'transfer-encoding': _encoding, ...plain } = rest
      outgoing.writeHead(answer.statusCode!, { ...plain, 'content-length': merged.byteLength }).end(merged)
      return
    }
    outgoing.writeHead(answer.statusCode!, rest)
    await pass(request, answer, outgoing)
  }

  const pass = async ({ method, target }: ProxiedRequest, answer: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const length = Number(answer.headers['content-length'] ?? 0)
    if ((method === 'GET' || service !== 's3') && answer.statusCode! < 300 && length > 1) {
      const slow = faults.strikes('slowBody')
      if (slow !== undefined) return pipeline(answer, slowed(faults.bytesPerSecond(slow), length), outgoing)
      if (faults.strikes('cutBody') !== undefined)
        return pipeline(
          answer,
          cutOff(length, () => outgoing.destroy()),
          outgoing,
        )
      if (service === 's3' && isObject(target) && faults.strikes('flippedBit') !== undefined)
        return pipeline(answer, flipped(length), outgoing)
    }
    return pipeline(answer, outgoing)
  }

  const server = createServer((incoming, outgoing) => {
    // A target that is away, and a client that hung up, both end the connection.
    handle(incoming, outgoing).catch(() => incoming.socket.destroy())
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    inject: (...on) => faults.set(on),
    allow(permissions) {
      allowed = permissions
      needed.clear()
    },
    get needed() {
      return [...needed].sort()
    },
    expire: (sessionToken) => void expired.add(sessionToken),
    get hits() {
      return faults.hits
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      agent.destroy()
    },
  }
}

function limitsOf(service: AwsService): Limits {
  if (service === 's3') return s3Limits()
  if (service === 'iot') return iotLimits()
  return service === 'sqs' ? sqsLimits : firehoseLimits
}

/** A request in the form that limits and signatures are checked on. */
export async function toRequest(incoming: IncomingMessage, inMemory: boolean): Promise<ProxiedRequest> {
  const target = incoming.url!
  const mark = target.indexOf('?')
  return {
    method: incoming.method!,
    target,
    path: mark < 0 ? target : target.slice(0, mark),
    // A plus is a plus in AWS's queries, and no space.
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1).replaceAll('+', '%2B')),
    headers: incoming.headers,
    body: inMemory ? await buffer(incoming) : undefined,
    connection: incoming.socket,
  }
}

/** `/bucket/key`, not `/bucket` or `/bucket/`. */
function isObject(target: string): boolean {
  return /^\/[^/?]+\/[^?]/.test(target)
}

/** Without what spoke of the body as it was. */
function rewritten(headers: IncomingMessage['headers'], length: number): IncomingMessage['headers'] {
  const kept = Object.entries(headers).filter(([name]) => !/^(content-md5|x-amz-checksum-.*|x-amz-sdk-checksum-algorithm)$/.test(name))
  return { ...Object.fromEntries(kept), 'content-length': String(length) }
}
