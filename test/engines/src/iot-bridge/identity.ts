import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { IConnectPacket } from 'mqtt-packet'
import { EXPIRED_TOKEN } from '../aws-proxy/answers.js'
import { checkSignature } from '../aws-proxy/signature.js'
import type { ProxiedRequest, Refusal } from '../aws-proxy/types.js'
import { MAX_AUTHORIZER_SECONDS } from './limits.js'
import { type Allows, allowedBy } from './policy.js'
import type { AuthorizerEvent, AuthorizerResult, IotAuthorizer, IotCredentials, IotLimits, PolicyDocument } from './types.js'

/** How long an authorizer may think; a Lambda of AWS IoT has as long. */
const AUTHORIZER_MS = 5_000
const MAX_DOCUMENTS = 10
const MAX_DOCUMENT_CHARACTERS = 2_048

/** Who has connected, and what he may do. */
export interface Identity {
  readonly principal: string
  readonly allows: Allows
  /** Of a custom authorizer: when the connection ends, and when it is asked again. */
  readonly ends?: { readonly afterMs: number; readonly refreshMs: number; again(): Promise<Identity> }
}

/** Why somebody is not let in. */
export class NotLetIn extends Error {}

/** Everybody that the bridge knows by signature. */
export class SignedIn {
  readonly #known = new Map<string, IotCredentials>()

  constructor(
    credentials: readonly IotCredentials[],
    private readonly place: { readonly region: string; readonly account: string },
  ) {
    for (const each of credentials) this.admit(each)
  }

  admit(credentials: IotCredentials): void {
    this.#known.set(credentials.accessKeyId, credentials)
  }

  expel(accessKeyId: string): void {
    this.#known.delete(accessKeyId)
  }

  /** The caller of a REST request. */
  caller(request: ProxiedRequest): IotCredentials | Refusal {
    const token = request.headers['x-amz-security-token']
    return this.#check(request, typeof token === 'string' ? token : undefined)
  }

  /** Who opens a WebSocket by a signed address. AWS wants the session token in it, and not signed. */
  visitor(request: ProxiedRequest): IotCredentials | Refusal {
    const token = request.query.get('X-Amz-Security-Token')
    const query = new URLSearchParams(request.query)
    query.delete('X-Amz-Security-Token')
    const service = (query.get('X-Amz-Credential') ?? '').split('/')[3]
    if (service !== 'iotdevicegateway')
      return { status: 403, code: 'InvalidSignatureException', message: 'Credential should be scoped to iotdevicegateway' }
    return this.#check({ ...request, query }, token ?? undefined)
  }

  /** What the caller's policy allows. */
  allows({ policy }: IotCredentials, clientId?: string): Allows {
    return policy === undefined ? () => true : allowedBy([policy], { ...this.place, ...(clientId !== undefined && { clientId }) })
  }

  #check(request: ProxiedRequest, token: string | undefined): IotCredentials | Refusal {
    const secrets = Object.fromEntries([...this.#known].map(([key, { secretAccessKey }]) => [key, secretAccessKey]))
    const refusal = checkSignature('iot', request, secrets, Date.now())
    if (refusal !== undefined) return refusal
    const scope = request.query.get('X-Amz-Credential') ?? /Credential=([^,]+)/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const found = this.#known.get(scope.split('/')[0]!)!
    if (found.sessionToken !== undefined && found.sessionToken !== token)
      return { status: 403, code: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' }
    return found.expiresAt !== undefined && found.expiresAt <= Date.now() ? EXPIRED_TOKEN.iot : found
  }
}

export function isRefusal(found: IotCredentials | Refusal): found is Refusal {
  return 'status' in found
}

/** The name in `user?x-amz-customauthorizer-name=<name>`, or in the query of the WebSocket's address. */
export function authorizerName({ username }: IConnectPacket, upgrade: IncomingMessage | undefined): string | undefined {
  const queryOf = (text: string | undefined): URLSearchParams => new URLSearchParams(text?.slice(text.indexOf('?') + 1))
  const key = 'x-amz-customauthorizer-name'
  return (username?.includes('?') ? queryOf(username).get(key) : null) ?? queryOf(upgrade?.url).get(key) ?? undefined
}

/** Asks a custom authorizer. @throws NotLetIn with why its answer lets nobody in */
export async function authorize(
  authorizer: IotAuthorizer,
  connect: IConnectPacket,
  upgrade: IncomingMessage | undefined,
  place: { readonly region: string; readonly account: string },
  limits: IotLimits,
): Promise<Identity> {
  const event = eventOf(connect, upgrade)
  const again = async (): Promise<Identity> => {
    const late = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new NotLetIn('the authorizer took too long')), AUTHORIZER_MS).unref(),
    )
    const result = await Promise.race([authorizer(event), late])
    const wrong = whyNot(result, limits)
    if (wrong !== undefined) throw new NotLetIn(wrong)
    const documents = result.policyDocuments.map((each) => (typeof each === 'string' ? (JSON.parse(each) as PolicyDocument) : each))
    const afterMs = result.disconnectAfterInSeconds * 1_000
    const refreshMs = result.refreshAfterInSeconds * 1_000
    return {
      principal: result.principalId,
      allows: allowedBy(documents, { ...place, clientId: connect.clientId }),
      ends: { afterMs, refreshMs, again },
    }
  }
  return again()
}

function eventOf({ clientId, username, password }: IConnectPacket, upgrade: IncomingMessage | undefined): AuthorizerEvent {
  const [, queryString = ''] = (upgrade?.url ?? '').split('?')
  const headers = Object.entries(upgrade?.headers ?? {}).map(([name, value]) => [name, String(value)])
  return {
    signatureVerified: false,
    protocols: upgrade === undefined ? ['mqtt'] : ['http', 'mqtt'],
    protocolData: {
      ...(upgrade !== undefined && { http: { headers: Object.fromEntries(headers), queryString: `?${queryString}` } }),
      mqtt: {
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password: password.toString('base64') }),
        clientId,
      },
    },
    connectionMetadata: { id: randomUUID() },
  }
}

function whyNot(result: AuthorizerResult, { leastAuthorizerSeconds }: IotLimits): string | undefined {
  if (result.isAuthenticated !== true) return 'the authorizer says no'
  if (!/^[a-zA-Z0-9]{1,128}$/.test(result.principalId)) return 'principalId has 1 to 128 letters and digits'
  const { policyDocuments } = result
  const texts = policyDocuments.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
  if (texts.length === 0 || texts.length > MAX_DOCUMENTS) return `policyDocuments has 1 to ${MAX_DOCUMENTS}`
  if (texts.some(({ length }) => length > MAX_DOCUMENT_CHARACTERS))
    return `a policy document has at most ${MAX_DOCUMENT_CHARACTERS} characters`
  for (const name of ['disconnectAfterInSeconds', 'refreshAfterInSeconds'] as const) {
    const seconds = result[name]
    if (!Number.isInteger(seconds) || seconds < leastAuthorizerSeconds || seconds > MAX_AUTHORIZER_SECONDS)
      return `${name} is a whole number from ${leastAuthorizerSeconds} to ${MAX_AUTHORIZER_SECONDS}`
  }
  return undefined
}
