import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { formFields } from './form.js'
import type { AwsService, ProxiedRequest, Refusal } from './types.js'

/** Secrets by access key id. */
export type Credentials = Readonly<Record<string, string>>

/** How far a request's time may be from the service's, in milliseconds. */
const TOLERANCE_MS = 900_000
const MAX_PRESIGNED_SECONDS = 604_800

const hash = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** What a request claims to be signed with. */
interface Claim {
  readonly accessKey: string
  readonly scope: string
  readonly time: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly payload: string
  /** Absent in what is no signed URL. */
  readonly expiresSeconds?: number
}

/**
 * Checks Signature Version 4 as AWS does, in a header, in a signed URL and over the policy of a form, for the emulators check it
 * little or not: a secret that is wrong, a time that is off, an URL that is old or was altered, a header that nobody signed.
 */
export function checkSignature(service: AwsService, request: ProxiedRequest, credentials: Credentials, nowMs: number): Refusal | undefined {
  const words = service === 's3' ? S3 : OTHERS
  if (service === 's3' && request.method === 'POST' && request.headers['content-type']?.startsWith('multipart/form-data') === true)
    return checkForm(request, credentials)
  const claim = claimOf(service, request)
  if (claim === undefined) return words.missing
  const secret = credentials[claim.accessKey]
  if (secret === undefined) return words.unknownKey
  const at = Date.parse(claim.time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (claim.expiresSeconds === undefined) {
    if (Math.abs(nowMs - at) > TOLERANCE_MS) return { ...words.skewed, details: { ServerTime: new Date(nowMs).toISOString() } }
  } else {
    if (claim.expiresSeconds > MAX_PRESIGNED_SECONDS) return { ...S3.missing, status: 400, code: 'AuthorizationQueryParametersError' }
    if (nowMs > at + claim.expiresSeconds * 1_000 || nowMs < at - TOLERANCE_MS) return { ...S3.missing, message: 'Request has expired' }
  }
  const unsigned = Object.keys(request.headers).find((name) => name.startsWith('x-amz-') && !claim.signedHeaders.includes(name))
  if (unsigned !== undefined && service === 's3')
    return { ...S3.missing, message: `There were headers present in the request which were not signed: ${unsigned}` }
  return same(claim.signature, sign(service, request, claim, secret)) ? undefined : words.wrong
}

function claimOf(service: AwsService, { headers, query, body }: ProxiedRequest): Claim | undefined {
  const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]+)$/.exec(
    headers.authorization ?? '',
  )
  if (found !== null) {
    const payload = headers['x-amz-content-sha256'] ?? (service === 's3' ? '' : hash(body ?? ''))
    const [accessKey, scope, signed, signature] = found.slice(1) as [string, string, string, string]
    return {
      accessKey,
      scope,
      signature,
      signedHeaders: signed.split(';'),
      time: String(headers['x-amz-date'] ?? ''),
      payload: String(payload),
    }
  }
  const [accessKey, ...scope] = (query.get('X-Amz-Credential') ?? '').split('/')
  const signature = query.get('X-Amz-Signature')
  if (!accessKey || signature === null) return undefined
  return {
    accessKey,
    scope: scope.join('/'),
    signature,
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    time: query.get('X-Amz-Date') ?? '',
    payload: service === 's3' ? 'UNSIGNED-PAYLOAD' : hash(body ?? ''),
    expiresSeconds: Number(query.get('X-Amz-Expires')),
  }
}

function sign(service: AwsService, { method, path, query, headers }: ProxiedRequest, claim: Claim, secret: string): string {
  // S3 encodes each segment once, the others what is encoded already once more.
  const canonicalPath =
    service === 's3'
      ? path
          .split('/')
          .map((part) => encode(decode(part)))
          .join('/')
      : path.split('/').map(encode).join('/')
  const pairs = [...query].filter(([name]) => name !== 'X-Amz-Signature').map(([name, value]) => `${encode(name)}=${encode(value)}`)
  const canonicalHeaders = claim.signedHeaders.map(
    (name) =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/ +/g, ' ')}`,
  )
  const canonical = [method, canonicalPath, pairs.sort().join('&'), ...canonicalHeaders, '', claim.signedHeaders.join(';'), claim.payload]
  return seal(secret, claim.scope, ['AWS4-HMAC-SHA256', claim.time, claim.scope, hash(canonical.join('\n'))].join('\n'))
}

/** The conditions of the policy are the emulator's to check. */
function checkForm(request: ProxiedRequest, credentials: Credentials): Refusal | undefined {
  const fields = formFields(request)
  const [accessKey = '', ...scope] = (fields.get('x-amz-credential') ?? '').split('/')
  const policy = fields.get('policy')
  const secret = credentials[accessKey]
  if (policy === undefined || !fields.has('x-amz-signature')) return S3.missing
  if (secret === undefined) return S3.unknownKey
  return same(fields.get('x-amz-signature')!, seal(secret, scope.join('/'), policy)) ? undefined : S3.wrong
}

function seal(secret: string, scope: string, text: string): string {
  const key = scope.split('/').reduce<string | Buffer>((parent, part) => mac(parent, part), `AWS4${secret}`)
  return mac(key, text).toString('hex')
}

function same(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const S3 = {
  missing: { status: 403, code: 'AccessDenied', message: 'Access Denied' },
  unknownKey: { status: 403, code: 'InvalidAccessKeyId', message: 'The AWS Access Key Id you provided does not exist in our records.' },
  wrong: {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message: 'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  },
  skewed: {
    status: 403,
    code: 'RequestTimeTooSkewed',
    message: 'The difference between the request time and the current time is too large.',
  },
} satisfies Record<string, Refusal>

const OTHERS = {
  missing: { status: 403, code: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' },
  unknownKey: { status: 403, code: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' },
  wrong: {
    status: 403,
    code: 'InvalidSignatureException',
    message: 'The request signature we calculated does not match the signature you provided.',
  },
  skewed: { status: 403, code: 'InvalidSignatureException', message: 'Signature expired' },
} satisfies Record<string, Refusal>
