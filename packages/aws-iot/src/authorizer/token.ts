import { createHmac, timingSafeEqual } from 'node:crypto'

/** Longer than any that is issued: the topics of 100 groups, in base64. */
const MAX_TOKEN_CHARACTERS = 32_768

/** What a device's token says: the same as on a broker that checks tokens by itself, and where its generation is written. */
export interface Claims {
  readonly clientid: string
  /** User name that it was issued with, without the authorizer's name. */
  readonly username: string
  /** Seconds since the epoch: refused from then on. */
  readonly exp: number
  readonly acl: {
    /** Topics that it may subscribe to. */
    readonly sub: readonly string[]
    /** Topic filters that it may publish to. */
    readonly pub: readonly string[]
    /** Those of them, retained. */
    readonly retain: readonly string[]
  }
  /** Tokens of a generation before the one that is written in `record`, a retained message, are revoked. */
  readonly generation: number
  readonly record: string
}

/** Undefined for what was not signed with `secret`, or is over. */
export function readToken(token: string, secret: string, nowMs: number): Claims | undefined {
  const [head, body, signature, ...rest] = token.length > MAX_TOKEN_CHARACTERS ? [] : token.split('.')
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return undefined
  const wanted = createHmac('sha256', secret).update(`${head}.${body}`).digest()
  const given = Buffer.from(signature, 'base64url')
  // Base64 has several spellings of the same bytes: only the one that was issued counts.
  if (given.toString('base64url') !== signature || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Claims
  return claims.exp * 1_000 > nowMs ? claims : undefined
}

/** The generation that a retained message names; none is the first. @throws Error for a message that names none */
export function readGeneration(payload: Uint8Array | undefined): number {
  if (payload === undefined || payload.byteLength === 0) return 0
  const { generation } = JSON.parse(Buffer.from(payload).toString('utf8')) as { generation?: unknown }
  if (!Number.isSafeInteger(generation)) throw new Error('the record of revoked credentials names no generation')
  return generation as number
}
