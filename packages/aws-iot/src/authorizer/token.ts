import { createHmac, timingSafeEqual } from 'node:crypto'

/** Longer than any that is issued: 100 groups of 64 characters, in base64. */
const MAX_TOKEN_CHARACTERS = 16_384

/** What a device's token says. */
export interface Claims {
  readonly ns: string
  readonly device: string
  readonly groups: readonly string[]
  /** User name that it was issued with, without the authorizer's name. */
  readonly username: string
  /** Tokens of earlier generations have been revoked. */
  readonly generation: number
  /** Seconds since the epoch: refused from then on. */
  readonly exp: number
}

/** Undefined for what was not signed with `secret`, is over, or is no token of ours. */
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
