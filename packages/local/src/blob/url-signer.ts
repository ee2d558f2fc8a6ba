import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SignedForm, SignedUrl, SignRequest } from '@pdvend/ports'

/** What a verified URL allows. */
export interface UrlGrant {
  readonly key: string
  readonly contentType?: string
  readonly contentDisposition?: string
  readonly sizeBytes?: number
  readonly expiresAt: Date
}

/** What a verified form allows. */
export interface FormGrant {
  readonly key: string
  readonly contentType: string
  readonly minBytes: number
  readonly maxBytes: number
  readonly expiresAt: Date
}

/** `expired` is told apart, so that a page can ask for a new URL; everything else is just not valid. */
export type Verdict<Grant> = { readonly grant: Grant } | { readonly refused: 'invalid' | 'expired' }

const PARAMETERS = {
  expires: 'pv-expires',
  contentType: 'pv-type',
  contentDisposition: 'pv-disposition',
  sizeBytes: 'pv-size',
  signature: 'pv-signature',
} as const

/**
 * Makes and checks signed URLs: HMAC-SHA-256 over method, key and every parameter, so that none can be changed, added or
 * left out [B104–B106]. A URL's path is `<base>/<key>`, each segment percent-encoded.
 */
export class UrlSigner {
  /** Path under which the handler is mounted. */
  readonly path: string

  constructor(
    private readonly base: string,
    private readonly secret: Buffer,
  ) {
    this.path = base.startsWith('/') ? base : new URL(base).pathname.replace(/\/+$/, '')
  }

  sign(request: SignRequest): SignedUrl | SignedForm {
    const { method, key, expiresAt } = request
    const expires = Math.ceil(expiresAt.getTime() / 1_000)
    const good = new Date(expires * 1_000)
    if (method === 'POST') {
      const { contentType, minBytes, maxBytes } = request
      const policy = Buffer.from(JSON.stringify({ key, expires, contentType, minBytes, maxBytes })).toString('base64url')
      return { url: this.base, fields: { policy, signature: this.#seal(['POST', policy]) }, expiresAt: good }
    }
    const query = new URLSearchParams({ [PARAMETERS.expires]: String(expires) })
    if (request.contentType !== undefined) query.set(PARAMETERS.contentType, request.contentType)
    if (method === 'GET' && request.contentDisposition !== undefined) query.set(PARAMETERS.contentDisposition, request.contentDisposition)
    if (method === 'PUT' && request.sizeBytes !== undefined) query.set(PARAMETERS.sizeBytes, String(request.sizeBytes))
    query.set(PARAMETERS.signature, this.#sealUrl(method, key, query))
    const headers = method === 'PUT' ? { 'content-type': request.contentType } : {}
    return { url: `${this.base}/${encodeKey(key)}?${query.toString()}`, method, headers, expiresAt: good }
  }

  /** `target` is a request's path and query as they came, the path below the mount point first. */
  verifyUrl(method: 'GET' | 'PUT', target: string, nowMs: number): Verdict<UrlGrant> {
    const mark = target.indexOf('?')
    const key = mark < 0 ? undefined : decodeKey(target.slice(0, mark))
    if (key === undefined) return { refused: 'invalid' }
    const query = new URLSearchParams(target.slice(mark + 1))
    const [signature = '', ...more] = query.getAll(PARAMETERS.signature)
    if (more.length > 0) return { refused: 'invalid' }
    query.delete(PARAMETERS.signature)
    if (!equal(signature, this.#sealUrl(method, key, query))) return { refused: 'invalid' }
    const expiresAt = new Date(Number(query.get(PARAMETERS.expires)) * 1_000)
    if (!(expiresAt.getTime() > nowMs)) return { refused: 'expired' }
    const contentType = query.get(PARAMETERS.contentType)
    const contentDisposition = query.get(PARAMETERS.contentDisposition)
    const size = query.get(PARAMETERS.sizeBytes)
    return {
      grant: {
        key,
        expiresAt,
        ...(contentType === null ? {} : { contentType }),
        ...(contentDisposition === null ? {} : { contentDisposition }),
        ...(size === null ? {} : { sizeBytes: Number(size) }),
      },
    }
  }

  verifyForm(policy: string, signature: string, nowMs: number): Verdict<FormGrant> {
    if (!equal(signature, this.#seal(['POST', policy]))) return { refused: 'invalid' }
    const { expires, ...grant } = JSON.parse(Buffer.from(policy, 'base64url').toString('utf8')) as Omit<FormGrant, 'expiresAt'> & {
      expires: number
    }
    const expiresAt = new Date(expires * 1_000)
    return expiresAt.getTime() > nowMs ? { grant: { ...grant, expiresAt } } : { refused: 'expired' }
  }

  #sealUrl(method: string, key: string, query: URLSearchParams): string {
    const parameters = [...query].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return this.#seal([method, key, ...parameters.flat()])
  }

  /** JSON keeps the parts apart: no text can be moved from one to the next. */
  #seal(parts: readonly string[]): string {
    return createHmac('sha256', this.secret)
      .update(JSON.stringify(['pdvend-blob-1', ...parts]))
      .digest('hex')
  }
}

/** Takes as long for the first wrong character as for the last. */
function equal(given: string, right: string): boolean {
  const one = Buffer.from(given)
  const other = Buffer.from(right)
  return one.byteLength === other.byteLength && timingSafeEqual(one, other)
}

function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

function decodeKey(path: string): string | undefined {
  try {
    return path.split('/').map(decodeURIComponent).join('/')
  } catch {
    return undefined
  }
}
