import { createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Clock, DriverCall } from '@pdvend/ports'
import { clientIdOf, grantsOf } from '../codec.js'
import type { EmqxApi } from '../emqx-api.js'
import type { Credential, CredentialRequest, DeviceAuth, OnCutOff } from './device-auth.js'

/** Longest life of a token (`credentials.issue`), in milliseconds: a ban has to hold as long. */
const MAX_LIFE_MS = 30 * 86_400_000

/** Signs what devices present; the broker checks it. */
export type Signer = { readonly secret: string } | { readonly key: KeyObject }

/** @throws Error for what is no private key in PEM */
export function signerOf(pem: Buffer): Signer {
  return { key: createPrivateKey(pem) }
}

/**
 * Tokens for EMQX: the password is a JWT with the device's access rules and its end, so the broker keeps nothing. To revoke,
 * the user name, which has a generation in it, is banned until every token of it is over, and its user is kicked; the next
 * token is of the next generation. A device that leaves a group gets a new generation too, for its former tokens name it.
 */
export class JsonWebTokens implements DeviceAuth {
  readonly name = 'jwt'

  constructor(
    private readonly ns: string,
    private readonly signer: Signer,
    private readonly api: EmqxApi,
    private readonly clock: Clock,
    private readonly cutOff: OnCutOff,
  ) {}

  async issue(device: string, { groups, expiresAt, regrouped, signal }: CredentialRequest): Promise<Credential> {
    if (regrouped) await this.revoke(device, { signal })
    const clientId = clientIdOf(this.ns, device)
    const username = `${clientId}~${await this.#generation(device, signal)}`
    const { subscribe, publish } = grantsOf(this.ns, device, groups)
    const iat = Math.floor(this.clock.now() / 1_000)
    // Whole seconds, and never longer than promised.
    const claims = { clientid: clientId, username, iat, exp: Math.floor(expiresAt / 1_000), acl: { sub: subscribe, pub: publish } }
    return { username, password: encodeToken(claims, this.signer) }
  }

  async revoke(device: string, { signal }: DriverCall): Promise<void> {
    const clientId = clientIdOf(this.ns, device)
    const username = `${clientId}~${await this.#generation(device, signal)}`
    await this.api.ban(username, new Date(this.clock.now() + MAX_LIFE_MS), signal)
    await this.api.kick(clientId, signal)
    this.cutOff(device, undefined, 'revoked')
  }

  connected(): void {}

  async close(): Promise<void> {}

  /** The first that is not banned; bans outlive every token of theirs, so one may be used again when they end. */
  async #generation(device: string, signal: AbortSignal): Promise<number> {
    const prefix = `${clientIdOf(this.ns, device)}~`
    const banned = (await this.api.bannedUsernames(signal)).filter((name) => name.startsWith(prefix))
    return Math.max(-1, ...banned.map((name) => Number(name.slice(prefix.length))).filter(Number.isSafeInteger)) + 1
  }
}

/** A JSON Web Token (RFC 7519), HS256 or RS256. */
export function encodeToken(claims: object, signer: Signer): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'secret' in signer ? 'HS256' : 'RS256', typ: 'JWT' })}.${part(claims)}`
  const signature = 'secret' in signer ? createHmac('sha256', signer.secret).update(text).digest() : sign('sha256', Buffer.from(text), signer.key)
  return `${text}.${signature.toString('base64url')}`
}
