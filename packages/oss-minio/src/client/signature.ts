import { createHmac, hash } from 'node:crypto'

/** Who signs. */
export interface Credentials {
  readonly accessKey: string
  readonly secretKey: string
}

/** A request as it will be sent: its path and its query encoded already, its header names in lower case. */
export interface SignableRequest {
  readonly method: string
  readonly path: string
  /** Pairs in any order, already encoded by {@link encodeQuery}. */
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly headers: Readonly<Record<string, string>>
}

/** Stands for the body's digest where it is not signed. */
export const UNSIGNED = 'UNSIGNED-PAYLOAD'

const ALGORITHM = 'AWS4-HMAC-SHA256'

/**
 * AWS Signature Version 4 for S3, in headers, in a URL and over a form's policy
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html, read November 2026). Every header of
 * the request is signed. The key that is derived from the secret is kept for its day: four of the five HMACs of a call.
 */
export class Signer {
  #day = ''
  #key: Buffer = Buffer.alloc(0)

  constructor(
    private readonly credentials: Credentials,
    private readonly region: string,
  ) {}

  /** The value of the header `authorization`; `headers` must hold `x-amz-date` and `host`. */
  authorization(request: SignableRequest, time: string, bodyDigest: string): string {
    const names = Object.keys(request.headers).sort()
    const signature = this.#sign(canonical(request, names, bodyDigest), time)
    return `${ALGORITHM} Credential=${this.credential(time)}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  }

  /** The query of a signed URL. Header names in `headers` must be sent as they are; the body is not signed. */
  query(request: SignableRequest, time: string, expiresSeconds: number): string {
    const names = Object.keys(request.headers).sort()
    const query: [string, string][] = [
      ...request.query.map(([name, value]): [string, string] => [name, value]),
      ['X-Amz-Algorithm', ALGORITHM],
      ['X-Amz-Credential', encodeText(this.credential(time))],
      ['X-Amz-Date', time],
      ['X-Amz-Expires', String(expiresSeconds)],
      ['X-Amz-SignedHeaders', encodeText(names.join(';'))],
    ]
    const signature = this.#sign(canonical({ ...request, query }, names, UNSIGNED), time)
    return `${joinQuery(query)}&X-Amz-Signature=${signature}`
  }

  /** The signature of a form's policy, which is in base64. */
  policy(policy: string, time: string): string {
    return this.#mac(policy, time)
  }

  /** Access key and scope, as they stand in headers, URLs and forms. */
  credential(time: string): string {
    return `${this.credentials.accessKey}/${this.#scope(time)}`
  }

  get algorithm(): string {
    return ALGORITHM
  }

  #sign(canonicalRequest: string, time: string): string {
    return this.#mac(`${ALGORITHM}\n${time}\n${this.#scope(time)}\n${hash('sha256', canonicalRequest)}`, time)
  }

  #mac(text: string, time: string): string {
    const day = time.slice(0, 8)
    if (day !== this.#day) {
      this.#day = day
      this.#key = [day, this.region, 's3', 'aws4_request'].reduce<Buffer>(
        (key, part) => createHmac('sha256', key).update(part).digest(),
        Buffer.from(`AWS4${this.credentials.secretKey}`),
      )
    }
    return createHmac('sha256', this.#key).update(text).digest('hex')
  }

  #scope(time: string): string {
    return `${time.slice(0, 8)}/${this.region}/s3/aws4_request`
  }
}

/** `20261125T231504Z` */
export function signingTime(ms: number): string {
  const iso = new Date(ms).toISOString()
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`
}

/** Percent-encodes all but the unreserved characters, as the signature wants it. */
function encodeText(text: string): string {
  return /^[\w.~-]*$/.test(text)
    ? text
    : encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The same for an object's name; its slashes stay. */
export function encodeName(name: string): string {
  return /^[\w.~/-]*$/.test(name) ? name : encodeText(name).replaceAll('%2F', '/')
}

export function encodeQuery(query: Readonly<Record<string, string>>): (readonly [string, string])[] {
  return Object.entries(query).map(([name, value]) => [encodeText(name), encodeText(value)] as const)
}

export function joinQuery(query: SignableRequest['query']): string {
  return query.map(([name, value]) => `${name}=${value}`).join('&')
}

function canonical({ method, path, query, headers }: SignableRequest, names: readonly string[], bodyDigest: string): string {
  const sorted = query.length < 2 ? query : [...query].sort(([one, first], [other, second]) => order(one, other) || order(first, second))
  let lines = ''
  for (const name of names) lines += `${name}:${folded(headers[name]!)}\n`
  return `${method}\n${path}\n${joinQuery(sorted)}\n${lines}\n${names.join(';')}\n${bodyDigest}`
}

/** Runs of spaces count as one, those at the ends as none. */
function folded(value: string): string {
  return value.includes('  ') ? value.trim().replace(/ +/g, ' ') : value.trim()
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
