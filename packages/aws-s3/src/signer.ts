import { createHmac } from 'node:crypto'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { type Clock, PortError, type SignedForm, type SignedUrl, type SignRequest } from '@pdvend/ports'
import { COPY_SOURCE, openSigningClient, type SignedPut } from './client.js'
import type { Settings } from './config.js'
import type { Transport } from './transport.js'

/** Longest life of a signature in seconds: seven days. */
const MAX_SECONDS = 604_800

/** Signed URLs and forms, by the store's clock. No request leaves, but those of the credentials' own source. */
export class Signer {
  readonly #client: S3Client

  constructor(
    private readonly settings: Settings,
    private readonly transport: Transport,
    private readonly clock: Clock,
    signedPut: SignedPut,
  ) {
    this.#client = openSigningClient(settings, signedPut)
  }

  /** What the store's clock shows, as far as its answers have told. */
  storeTime(): Date {
    return new Date(this.clock.now() + this.transport.clockOffsetMs)
  }

  async sign(request: SignRequest): Promise<SignedUrl | SignedForm> {
    // Signatures count in whole seconds from the second in which they were made.
    const signingDate = new Date(Math.floor(this.storeTime().getTime() / 1_000) * 1_000)
    const leftMs = request.expiresAt.getTime() - this.clock.now()
    const expiresIn = Math.min(MAX_SECONDS, Math.max(1, Math.ceil((leftMs + (this.storeTime().getTime() - signingDate.getTime())) / 1_000)))
    const expiresAt = await this.#bounded(new Date(signingDate.getTime() - this.transport.clockOffsetMs + expiresIn * 1_000))
    if (request.method === 'POST') return this.#form(request, signingDate, expiresIn, expiresAt)
    const object = { Bucket: this.settings.bucket, Key: request.key }
    if (request.method === 'GET') {
      const { contentType, contentDisposition } = request
      const answer = {
        ...(contentType === undefined ? {} : { ResponseContentType: contentType }),
        ...(contentDisposition === undefined ? {} : { ResponseContentDisposition: contentDisposition }),
      }
      const url = await getSignedUrl(this.#client, new GetObjectCommand({ ...object, ...answer }), { expiresIn, signingDate })
      return { url, method: 'GET', headers: {}, expiresAt }
    }
    const { contentType, sizeBytes } = request
    const size = sizeBytes === undefined ? {} : { ContentLength: sizeBytes }
    const unhoistableHeaders = new Set([COPY_SOURCE])
    const signableHeaders = new Set(['host', 'content-type', COPY_SOURCE, ...(sizeBytes === undefined ? [] : ['content-length'])])
    const command = new PutObjectCommand({ ...object, ContentType: contentType, ...size })
    const url = await getSignedUrl(this.#client, command, { expiresIn, signingDate, signableHeaders, unhoistableHeaders })
    // Content-Length is signed, too; every client sets it by itself, and a browser allows nobody else to.
    return { url, method: 'PUT', headers: { 'content-type': contentType }, expiresAt }
  }

  close(): void {
    this.#client.destroy()
  }

  /** A signature ends with the session that made it, however long it was asked for. */
  async #bounded(expiresAt: Date): Promise<Date> {
    const { expiration } = await this.#client.config.credentials()
    return expiration !== undefined && expiration < expiresAt ? expiration : expiresAt
  }

  /** The policy of a form: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html */
  async #form(
    { key, contentType, minBytes, maxBytes }: SignRequest & { readonly method: 'POST' },
    signingDate: Date,
    expiresIn: number,
    expiresAt: Date,
  ): Promise<SignedForm> {
    if (key.includes('${filename}'))
      throw new PortError('INVALID_ARGUMENT', {
        adapter: 'aws-s3',
        operation: 'sign',
        target: key,
        detail: 'key: in a form S3 puts the name of the file in place of ${filename}; use a signed PUT, or another key',
      })
    const { accessKeyId, secretAccessKey, sessionToken } = await this.#client.config.credentials()
    const region = await this.#client.config.region()
    const time = signingDate.toISOString().replace(/[-:]|\.\d{3}/g, '')
    const day = time.slice(0, 8)
    const fields = {
      key,
      'Content-Type': contentType,
      'x-amz-algorithm': 'AWS4-HMAC-SHA256',
      'x-amz-credential': `${accessKeyId}/${day}/${region}/s3/aws4_request`,
      'x-amz-date': time,
      ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
    }
    const conditions = [
      { bucket: this.settings.bucket },
      ...Object.entries(fields).map(([field, value]) => ({ [field]: value })),
      ['content-length-range', minBytes, maxBytes],
    ]
    const expiration = new Date(signingDate.getTime() + expiresIn * 1_000).toISOString()
    const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64')
    const signingKey = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
    const signature = hmac(signingKey, policy).toString('hex')
    return { url: await this.#bucketUrl(), fields: { ...fields, policy, 'x-amz-signature': signature }, expiresAt }
  }

  /** The bucket's address, by the rules that the SDK has for it. */
  async #bucketUrl(): Promise<string> {
    const url = new URL(await getSignedUrl(this.#client, new ListObjectsV2Command({ Bucket: this.settings.bucket })))
    return url.origin + url.pathname
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
