import { PortError, type SignedForm, type SignedUrl, type SignRequest } from '@pdvend/ports'
import { addressOf } from './client/s3-client.js'
import { type Credentials, encodeName, encodeQuery, Signer, signingTime } from './client/signature.js'

/**
 * How uploads by URL are made safe. `plain`: the store refuses headers that were not signed. `guarded`: it does not, and a holder
 * of a URL could have it copy any other blob by `x-amz-copy-source`; so that header is signed as an empty one that stands in the
 * query, and a store that takes it from there refuses any other. `none`: neither works, so nothing is signed.
 */
export type UploadGuard = 'plain' | 'guarded' | 'none'

export interface UrlSignerOptions {
  /** As browsers reach it. */
  readonly endpoint: URL
  readonly bucket: string
  readonly pathStyle: boolean
  readonly region: string
  /** Signs downloads. */
  readonly credentials: Credentials
  /** Signs uploads. */
  readonly uploadCredentials: Credentials
  readonly guard: UploadGuard
}

const GUARD = 'x-amz-copy-source'

/** URLs and forms for browsers, signed here: the store is not asked [B104–B109]. */
export class UrlSigner {
  readonly #host: string
  readonly #origin: string
  readonly #root: string
  readonly #download: Signer
  readonly #upload: Signer

  constructor(private readonly options: UrlSignerOptions) {
    const { endpoint, bucket, pathStyle, region, credentials, uploadCredentials } = options
    this.#host = addressOf(endpoint, bucket, pathStyle).host
    this.#origin = `${endpoint.protocol}//${this.#host}`
    this.#root = pathStyle ? `/${encodeName(bucket)}` : ''
    this.#download = new Signer(credentials, region)
    this.#upload = new Signer(uploadCredentials, region)
  }

  /** `name` is the key's in the store; `kept` are headers that an upload must bring along for it. */
  sign(request: SignRequest, name: string, kept: Readonly<Record<string, string>>, nowMs: number): SignedUrl | SignedForm {
    if (request.method === 'POST') return this.#form(request, name, kept, nowMs)
    return request.method === 'GET' ? this.#get(request, name, nowMs) : this.#put(request, name, kept, nowMs)
  }

  #get({ contentType, contentDisposition, expiresAt }: SignRequest & { method: 'GET' }, name: string, nowMs: number): SignedUrl {
    const query = {
      ...(contentType === undefined ? {} : { 'response-content-type': contentType }),
      ...(contentDisposition === undefined ? {} : { 'response-content-disposition': contentDisposition }),
    }
    return this.#url('GET', this.#download, name, query, {}, expiresAt, nowMs)
  }

  #put(
    { contentType, sizeBytes, expiresAt }: SignRequest & { method: 'PUT' },
    name: string,
    kept: Readonly<Record<string, string>>,
    nowMs: number,
  ): SignedUrl {
    if (this.options.guard === 'none')
      throw new PortError('UNSUPPORTED', { detail: 'on this store a signed PUT lets its holder read other blobs: use a form (sign.post)' })
    const guarded = this.options.guard === 'guarded' ? { [GUARD]: '' } : {}
    const headers = { 'content-type': contentType, ...kept }
    const signed = { ...headers, ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }), ...guarded }
    return { ...this.#url('PUT', this.#upload, name, guarded, signed, expiresAt, nowMs), headers }
  }

  #url(
    method: 'GET' | 'PUT',
    signer: Signer,
    name: string,
    query: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
    expiresAt: Date,
    nowMs: number,
  ): SignedUrl {
    const path = `${this.#root}/${encodeName(name)}`
    const seconds = secondsUntil(expiresAt, nowMs)
    const signed = signer.query(
      { method, path, query: encodeQuery(query), headers: { host: this.#host, ...headers } },
      signingTime(nowMs),
      seconds,
    )
    return { url: `${this.#origin}${path}?${signed}`, method, headers: {}, expiresAt: expiry(nowMs, seconds) }
  }

  #form(
    { contentType, minBytes, maxBytes, expiresAt }: SignRequest & { method: 'POST' },
    name: string,
    kept: Readonly<Record<string, string>>,
    nowMs: number,
  ): SignedForm {
    if (name.includes('${filename}'))
      throw new PortError('INVALID_ARGUMENT', {
        detail: 'a form cannot be made for a key with ${filename}: stores put the file’s name there',
      })
    const time = signingTime(nowMs)
    const expires = expiry(nowMs, secondsUntil(expiresAt, nowMs))
    const fields = {
      key: name,
      'Content-Type': contentType,
      ...kept,
      'x-amz-algorithm': this.#upload.algorithm,
      'x-amz-credential': this.#upload.credential(time),
      'x-amz-date': time,
    }
    const conditions = [
      { bucket: this.options.bucket },
      ...Object.entries(fields).map(([field, value]) => ['eq', `$${field}`, value]),
      ['content-length-range', minBytes, maxBytes],
    ]
    const policy = Buffer.from(JSON.stringify({ expiration: expires.toISOString(), conditions })).toString('base64')
    return {
      url: `${this.#origin}${this.#root === '' ? '/' : this.#root}`,
      fields: { ...fields, policy, 'x-amz-signature': this.#upload.policy(policy, time) },
      expiresAt: expires,
    }
  }
}

function secondsUntil(expiresAt: Date, nowMs: number): number {
  return Math.max(1, Math.ceil((expiresAt.getTime() - Math.floor(nowMs / 1_000) * 1_000) / 1_000))
}

function expiry(nowMs: number, seconds: number): Date {
  return new Date((Math.floor(nowMs / 1_000) + seconds) * 1_000)
}
