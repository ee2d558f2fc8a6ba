import { randomUUID } from 'node:crypto'
import type { IPublishPacket } from 'mqtt-packet'
import { DENIED, INTERNAL, THROTTLED, UNAVAILABLE } from '../aws-proxy/answers.js'
import { iotLimits } from '../aws-proxy/limits-iot.js'
import type { ProxiedRequest, Refusal } from '../aws-proxy/types.js'
import type { Clients, Known } from './clients.js'
import { isRefusal, type SignedIn } from './identity.js'
import type { Allows } from './policy.js'
import type { Retained, Service } from './service.js'

/** What a call is answered with: a body of JSON, or a refusal. */
export type Reply = { readonly ok: object } | Refusal

export interface DataPlaneParts {
  readonly signedIn: SignedIn
  readonly clients: Clients
  readonly service: Service
  readonly publishesPerSecond: number
}

interface Call {
  readonly request: ProxiedRequest
  /** The variable parts of the path, decoded. */
  readonly names: readonly string[]
  readonly allows: Allows
}

type Operation = (call: Call) => Promise<Reply>

const NOT_FOUND: Refusal = { status: 404, code: 'ResourceNotFoundException', message: 'The specified resource does not exist.' }
const TIMED_OUT: Refusal = { status: 504, code: 'GatewayTimeoutException', message: 'The client did not confirm delivery in time.' }
const PAGE = 20
const MAX_PAGE = 200

/** The data plane by HTTP: https://docs.aws.amazon.com/iot/latest/apireference/API_Operations_AWS_IoT_Data_Plane.html */
export function dataPlane({ signedIn, clients, service, publishesPerSecond }: DataPlaneParts): (request: ProxiedRequest) => Promise<Reply> {
  const limits = iotLimits(Date.now, publishesPerSecond)
  const modified = new Map<string, number>()

  const publish: Operation = async ({ request, names: [topic], allows }) => {
    const retain = request.query.get('retain') === 'true'
    const actions = ['iot:Publish', ...(retain ? ['iot:RetainPublish'] : [])]
    if (topic!.startsWith('$') || !actions.every((action) => allows(action, `topic/${topic}`))) return DENIED.iot
    if (!service.connected) return UNAVAILABLE.iot
    const qos = request.query.get('qos') === '1' ? 1 : 0
    await service.publish(topic!, request.body ?? Buffer.alloc(0), { qos, retain, properties: propertiesOf(request) })
    if (retain) modified.set(topic!, Date.now())
    return { ok: { message: 'OK', traceId: randomUUID() } }
  }

  const sendDirectMessage: Operation = async ({ request, names: [clientId], allows }) => {
    const { query, body } = request
    const topic = query.get('topic') ?? ''
    const seconds = Number(query.get('timeout') ?? 5)
    if (topic === '' || !(seconds >= 1 && seconds <= 15)) return invalid(topic === '' ? 'topic is required' : 'timeout is from 1 to 15')
    const receiver = clients.find(clientId!)?.connection
    if (!allows('iot:SendDirectMessage', `client/${clientId}`)) return DENIED.iot
    if (receiver === undefined) return NOT_FOUND
    if (!receiver.mayReceive(topic)) return DENIED.iot
    const message = { topic, payload: body ?? Buffer.alloc(0), properties: propertiesOf(request) }
    const confirmed = await receiver.deliver(message, query.get('confirmation') === 'true' ? seconds * 1_000 : undefined)
    return confirmed ? { ok: { message: 'OK', traceId: randomUUID() } } : TIMED_OUT
  }

  const getConnection: Operation = async ({ request, names: [clientId], allows }) => {
    if (!allows('iot:GetConnection', `client/${clientId}`)) return DENIED.iot
    const known = clients.find(clientId!)
    return known === undefined ? NOT_FOUND : { ok: describe(clientId!, known, request.query.get('includeSocketInformation') === 'true') }
  }

  const deleteConnection: Operation = async ({ request, names: [clientId], allows }) => {
    if (!allows('iot:DeleteConnection', `client/${clientId}`)) return DENIED.iot
    const connection = clients.find(clientId!)?.connection
    if (connection === undefined) return NOT_FOUND
    const { query } = request
    connection.end('API_INITIATED_DISCONNECT', {
      will: query.get('preventWillMessage') !== 'true',
      forget: query.get('cleanSession') === 'true',
    })
    return { ok: {} }
  }

  const listSubscriptions: Operation = async ({ request, names: [clientId], allows }) => {
    if (!allows('iot:ListSubscriptions', `client/${clientId}`)) return DENIED.iot
    const known = clients.find(clientId!)
    if (known === undefined) return NOT_FOUND
    const { items, ...rest } = page(
      [...known.filters].map(([topicFilter, qos]) => ({ topicFilter, qos })),
      request,
    )
    return { ok: { subscriptions: items, ...rest } }
  }

  const summary = ({ topic, payload, qos }: Retained) => {
    return { topic, payloadSize: payload.byteLength, qos, lastModifiedTime: modified.get(topic) ?? Date.now() }
  }

  const getRetained: Operation = async ({ names: [topic], allows }) => {
    if (!allows('iot:GetRetainedMessage', `topic/${topic}`)) return DENIED.iot
    const found = (await service.retained(topic!)).find((each) => each.topic === topic)
    if (found === undefined) return NOT_FOUND
    const { payloadSize: _size, ...rest } = summary(found)
    const properties = found.userProperties && { userProperties: encodeUserProperties(found.userProperties) }
    return { ok: { ...rest, payload: found.payload.toString('base64'), ...properties } }
  }

  const listRetained: Operation = async ({ request, allows }) => {
    if (!allows('iot:ListRetainedMessages', '*')) return DENIED.iot
    const { items, ...rest } = page((await service.retained('#')).map(summary), request)
    return { ok: { retainedTopics: items, ...rest } }
  }

  const routes: readonly (readonly [string, RegExp, Operation])[] = [
    ['POST', /^\/topics\/([^/]+)$/, publish],
    ['POST', /^\/connections\/([^/]+)\/messages$/, sendDirectMessage],
    ['GET', /^\/connections\/([^/]+)\/subscriptions$/, listSubscriptions],
    ['GET', /^\/connections\/([^/]+)$/, getConnection],
    ['DELETE', /^\/connections\/([^/]+)$/, deleteConnection],
    ['GET', /^\/retainedMessage\/([^/]+)$/, getRetained],
    ['GET', /^\/retainedMessage$/, listRetained],
  ]

  return async (request) => {
    const caller = signedIn.caller(request)
    if (isRefusal(caller)) return caller
    const verdict = limits.check(request)
    if (verdict !== undefined) return 'status' in verdict ? verdict : THROTTLED.iot
    const route = routes.find(([method, path]) => method === request.method && path.test(request.path))
    if (route === undefined) return NOT_FOUND
    const [, path, operation] = route
    try {
      const names = path.exec(request.path)!.slice(1).map(decodeURIComponent)
      return await operation({ request, names, allows: signedIn.allows(caller) })
    } catch (error) {
      return error instanceof InvalidProperty || error instanceof URIError ? invalid(error.message) : INTERNAL.iot
    }
  }
}

function describe(clientId: string, { connection, left }: Known, withSocket: boolean): object {
  if (connection === undefined) {
    const { at, reason, cleanSession, sessionExpiry } = left!
    return { clientId, connected: false, disconnectedSince: at, disconnectReason: reason, cleanSession, sessionExpiry }
  }
  const { remoteAddress, remotePort, localAddress, localPort } = connection.parts.wire.socket
  return {
    clientId,
    connected: true,
    connectedSince: connection.connectedSince,
    cleanSession: connection.cleanSession,
    keepAliveDuration: connection.keepAliveSeconds,
    sessionExpiry: connection.parts.sessionExpiry,
    ...(withSocket && { sourceIp: remoteAddress, sourcePort: remotePort, targetIp: localAddress, targetPort: localPort }),
  }
}

function page<T>(all: readonly T[], { query }: ProxiedRequest): { readonly items: readonly T[]; readonly nextToken?: string } {
  const from = Number(query.get('nextToken') ?? 0)
  const to = from + Math.min(Number(query.get('maxResults') ?? PAGE), MAX_PAGE)
  return { items: all.slice(from, to), ...(to < all.length && { nextToken: String(to) }) }
}

class InvalidProperty extends Error {}

function propertiesOf({ query, headers }: ProxiedRequest): NonNullable<IPublishPacket['properties']> {
  const [contentType, responseTopic, expiry] = ['contentType', 'responseTopic', 'messageExpiry'].map((name) => query.get(name) ?? undefined)
  const header = (name: string): string | undefined => headers[`x-amz-mqtt5-${name}`] as string | undefined
  const [format, correlation, user] = ['payload-format-indicator', 'correlation-data', 'user-properties'].map(header)
  if (responseTopic !== undefined && /[+#]/.test(responseTopic)) throw new InvalidProperty('responseTopic must not contain wildcards')
  return {
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(expiry !== undefined && { messageExpiryInterval: Number(expiry) }),
    ...(format !== undefined && { payloadFormatIndicator: format === 'UTF8_DATA' }),
    ...(correlation !== undefined && { correlationData: Buffer.from(correlation, 'base64') }),
    ...(user !== undefined && { userProperties: decodeUserProperties(user) }),
  }
}

/** Base64 of `[{"name": "value"}, …]`. */
function decodeUserProperties(text: string): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = {}
  try {
    for (const pair of JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as Record<string, string>[])
      for (const [name, value] of Object.entries(pair)) found[name] = found[name] === undefined ? value : [found[name], value].flat()
  } catch {
    throw new InvalidProperty('userProperties must be the base64 of a JSON array of objects')
  }
  return found
}

function encodeUserProperties(properties: Readonly<Record<string, string | string[]>>): string {
  const pairs = Object.entries(properties).flatMap(([name, values]) => [values].flat().map((value) => ({ [name]: value })))
  return Buffer.from(JSON.stringify(pairs)).toString('base64')
}

function invalid(message: string): Refusal {
  return { status: 400, code: 'InvalidRequestException', message }
}
