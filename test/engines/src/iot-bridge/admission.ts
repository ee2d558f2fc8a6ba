import { randomUUID } from 'node:crypto'
import type { IConnackPacket, IConnectPacket } from 'mqtt-packet'
import { Client } from './client.js'
import type { Clients } from './clients.js'
import type { Events } from './events.js'
import { authorize, authorizerName, type Identity, NotLetIn, type SignedIn } from './identity.js'
import { MAX_CLIENT_ID_BYTES, MAX_IN_FLIGHT, MAX_PACKET_BYTES, MAX_TOPIC_ALIASES, wrongTopic } from './limits.js'
import type { IotAuthorizer, IotLimits } from './types.js'
import { Upstream } from './upstream.js'
import type { Wire } from './wire.js'

const CONNECT_WITHIN_MS = 10_000

/** CONNACK codes: MQTT 5, and 3.1.1. */
const REFUSALS = {
  clientId: [0x85, 2],
  notAuthorized: [0x87, 5],
  unavailable: [0x88, 3],
} as const

export interface AdmissionParts {
  readonly place: { readonly region: string; readonly account: string }
  readonly signedIn: SignedIn
  readonly authorizers: Readonly<Record<string, IotAuthorizer>>
  readonly limits: IotLimits
  readonly clients: Clients
  readonly events: Events
  readonly brokerPort: number
  readonly log: (line: string) => void
}

/** Lets somebody in by the CONNECT, or says why not. */
export async function admit(wire: Wire, parts: AdmissionParts): Promise<void> {
  const { packets } = wire
  const first = await packets.first(CONNECT_WITHIN_MS)
  if (first?.cmd !== 'connect') return void packets.stream.destroy()
  packets.version = first.protocolVersion ?? 4
  const assigned = first.clientId === '' ? randomUUID() : undefined
  const connect = assigned === undefined ? first : { ...first, clientId: assigned }
  const refuse = (kind: keyof typeof REFUSALS, why: string): void => {
    parts.log(`${connect.clientId} not let in: ${why}`)
    const [reasonCode, returnCode] = REFUSALS[kind]
    packets.send({ cmd: 'connack', sessionPresent: false, reasonCode, returnCode })
    packets.end()
  }
  if (connect.clientId.startsWith('$') || Buffer.byteLength(connect.clientId) > MAX_CLIENT_ID_BYTES)
    return refuse('clientId', `a client id has at most ${MAX_CLIENT_ID_BYTES} bytes and does not begin with $`)
  let identity: Identity
  try {
    identity = await identify(wire, connect, parts)
  } catch (error) {
    return refuse('notAuthorized', error instanceof Error ? error.message : String(error))
  }
  const denied = missing(connect, identity)
  if (denied !== undefined) return refuse('notAuthorized', `${denied} is not allowed`)
  const known = parts.clients.of(connect.clientId)
  const turn = known.turn.then(async () => {
    known.connection?.end('DUPLICATE_CLIENTID')
    const sessionExpiry = sessionOf(connect, parts.limits)
    const upstream = await Upstream.open(parts.brokerPort, connect, sessionExpiry).catch(String)
    if (typeof upstream === 'string') return refuse('unavailable', upstream)
    if (packets.closed) return upstream.leave()
    if (!upstream.welcome.sessionPresent) known.filters.clear()
    const { limits, events, log } = parts
    const client = new Client({ wire, connect, identity, upstream, known, sessionExpiry, limits, events, log })
    packets.send(welcome(client, upstream.welcome.sessionPresent, assigned))
    client.start()
  })
  // One that fails does not keep the next ones out.
  known.turn = turn.catch(() => {})
  await turn
}

function welcome(client: Client, sessionPresent: boolean, assigned: string | undefined): IConnackPacket {
  return {
    cmd: 'connack',
    sessionPresent,
    returnCode: 0,
    reasonCode: 0,
    properties: {
      sessionExpiryInterval: client.parts.sessionExpiry,
      receiveMaximum: MAX_IN_FLIGHT,
      maximumQoS: 1,
      retainAvailable: true,
      maximumPacketSize: MAX_PACKET_BYTES,
      topicAliasMaximum: MAX_TOPIC_ALIASES,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: true,
      serverKeepAlive: client.keepAliveSeconds,
      ...(assigned !== undefined && { assignedClientIdentifier: assigned }),
    },
  }
}

async function identify(wire: Wire, connect: IConnectPacket, parts: AdmissionParts): Promise<Identity> {
  const { signedIn, authorizers, place, limits } = parts
  if (wire.signedBy !== undefined) return { principal: wire.signedBy.accessKeyId, allows: signedIn.allows(wire.signedBy, connect.clientId) }
  const name = authorizerName(connect, wire.upgrade)
  if (name === undefined) throw new NotLetIn('neither a signed address nor the name of an authorizer')
  if (!Object.hasOwn(authorizers, name)) throw new NotLetIn(`there is no authorizer ${JSON.stringify(name)}`)
  return authorize(authorizers[name]!, connect, wire.upgrade, place, limits)
}

/** The action that the CONNECT needs and its policy does not have. */
function missing({ clientId, will }: IConnectPacket, { allows }: Identity): string | undefined {
  if (!allows('iot:Connect', `client/${clientId}`)) return `iot:Connect on client/${clientId}`
  if (will === undefined) return undefined
  if (wrongTopic(will.topic) !== undefined) return `a will on ${will.topic}`
  const actions = ['iot:Publish', ...(will.retain === true ? ['iot:RetainPublish'] : [])]
  const denied = actions.find((action) => !allows(action, `topic/${will.topic}`))
  return denied && `${denied} on topic/${will.topic}, its will`
}

/** Seconds that the session outlives the connection. */
function sessionOf({ protocolVersion, clean = true, properties }: IConnectPacket, { sessionExpirySeconds }: IotLimits): number {
  const asked = protocolVersion === 5 ? (properties?.sessionExpiryInterval ?? 0) : clean ? 0 : sessionExpirySeconds
  return Math.min(asked, sessionExpirySeconds)
}
