import { createHmac, timingSafeEqual } from 'node:crypto'

/** Who connects: a device, or an instance of the app. */
export interface Identity {
  readonly role: 'device' | 'app'
  readonly ns: string
  readonly name: string
}

/** What a password that holds says. */
export interface Grant {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Grows with each revocation: an older one is refused. */
  readonly generation: number
}

/** User name and client id: `device/<ns>/<name>`. */
export function usernameOf({ role, ns, name }: Identity): string {
  return `${role}/${ns}/${name}`
}

export function identityOf(username: string): Identity | undefined {
  const [role, ns, name, ...rest] = username.split('/')
  if ((role !== 'device' && role !== 'app') || !ns || !name || rest.length > 0) return undefined
  return { role, ns, name }
}

/** A password is `<expiresAt>.<generation>.<HMAC-SHA256>`: nothing is stored, so any process can issue one. */
export function sign(key: Uint8Array, identity: Identity, { expiresAt, generation }: Grant): string {
  return `${expiresAt}.${generation}.${mac(key, identity, expiresAt, generation)}`
}

/** [P46] Undefined when it was not signed with `key` for this identity; the caller checks time and generation. */
export function verify(key: Uint8Array, identity: Identity, password: string): Grant | undefined {
  const [expires, generation, given, ...rest] = password.split('.')
  if (given === undefined || rest.length > 0) return undefined
  const grant = { expiresAt: Number(expires), generation: Number(generation) }
  if (!Number.isSafeInteger(grant.expiresAt) || !Number.isSafeInteger(grant.generation)) return undefined
  const wanted = Buffer.from(mac(key, identity, grant.expiresAt, grant.generation))
  const got = Buffer.from(given)
  return wanted.byteLength === got.byteLength && timingSafeEqual(wanted, got) ? grant : undefined
}

function mac(key: Uint8Array, identity: Identity, expiresAt: number, generation: number): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([usernameOf(identity), expiresAt, generation]))
    .digest('base64url')
}
