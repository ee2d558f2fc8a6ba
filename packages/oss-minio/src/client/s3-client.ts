import { createHash, hash } from 'node:crypto'
import { readAll } from './body.js'
import { S3Error } from './s3-error.js'
import { type Credentials, encodeName, encodeQuery, joinQuery, Signer, signingTime, UNSIGNED } from './signature.js'
import { Transport, type WireAnswer } from './transport.js'

export interface S3ClientOptions {
  readonly endpoint: URL
  readonly region: string
  readonly bucket: string
  readonly pathStyle: boolean
  /** Absent: requests are not signed. */
  readonly credentials?: Credentials
  readonly connections: number
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly ca?: string
}

/** One request to the bucket, or to a blob of it. */
export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** A blob's stored name; absent: the bucket. */
  readonly name?: string
  readonly query?: Readonly<Record<string, string>>
  /** Names in lower case; what is undefined is not sent. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: Uint8Array | readonly Uint8Array[]
  /** Hex, where the caller has it already: it is then not computed again. */
  readonly bodySha256?: string
  readonly signal: AbortSignal
}

export interface ForeignRequest {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly signal: AbortSignal
}

const EMPTY_SHA256 = hash('sha256', '')

/** The largest error answer that is read, in bytes. */
const MAX_ERROR_BYTES = 65_536

/** The largest answer that is read in one piece: a listing of 1,000 keys of 1,024 bytes, URL-encoded, fits. */
const MAX_DOCUMENT_BYTES = 8 * 1_048_576

/**
 * S3 over HTTP: signs, sends, turns refusals into {@link S3Error}. Over plain HTTP the body's digest is signed, too; over TLS it is
 * not, for TLS protects it. No retries.
 */
export class S3Client {
  readonly signer: Signer | undefined
  readonly idleTimeoutMs: number
  readonly #transport: Transport
  readonly #host: string
  readonly #root: string
  readonly #signsBody: boolean
  #second = 0
  #time = ''

  constructor(private readonly options: S3ClientOptions) {
    const { endpoint, bucket, pathStyle, region, credentials, connections, connectTimeoutMs, idleTimeoutMs, ca } = options
    const secure = endpoint.protocol === 'https:'
    const { host, hostname, port } = addressOf(endpoint, bucket, pathStyle)
    this.#host = host
    this.#root = pathStyle ? `/${encodeName(bucket)}` : ''
    this.#signsBody = !secure
    this.idleTimeoutMs = idleTimeoutMs
    this.signer = credentials === undefined ? undefined : new Signer(credentials, region)
    this.#transport = new Transport({
      secure,
      host: hostname,
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      connections,
      connectTimeoutMs,
      idleTimeoutMs,
      ...(ca === undefined ? {} : { ca }),
    })
  }

  get bucket(): string {
    return this.options.bucket
  }

  /** The path of a blob, or of the bucket, as it is sent and signed. */
  pathOf(name?: string): string {
    if (name === undefined) return this.#root === '' ? '/' : this.#root
    return `${this.#root}/${encodeName(name)}`
  }

  /** The head of an answer below 300; its body is the caller's to read. @throws S3Error | TransportError | the signal's reason */
  async open(request: S3Request): Promise<WireAnswer> {
    const answer = await this.#send(request)
    if (answer.status < 300) return answer
    const body = request.method === 'HEAD' ? '' : await this.#text(answer, request.signal, MAX_ERROR_BYTES)
    if (request.method === 'HEAD') answer.message.resume()
    throw S3Error.of(answer.status, answer.headers, body)
  }

  /** For answers without a body that matters: gives the headers. */
  async call(request: S3Request): Promise<WireAnswer['headers']> {
    const answer = await this.open(request)
    answer.message.resume()
    return answer.headers
  }

  /** For answers that are a document. An error that comes with status 200, as to completions and copies, is thrown as well. */
  async document(request: S3Request): Promise<{ readonly xml: string; readonly headers: WireAnswer['headers'] }> {
    const answer = await this.open(request)
    const xml = await this.#text(answer, request.signal, MAX_DOCUMENT_BYTES)
    if (xml.includes('<Error>') && !xml.includes('<DeleteResult')) throw S3Error.of(500, answer.headers, xml)
    return { xml, headers: answer.headers }
  }

  /** A request as others would send it to a signed URL. Refusals are answers, too. */
  foreign({ url, method, headers, body, signal }: ForeignRequest): Promise<WireAnswer> {
    const sent = { ...headers, host: url.host, 'content-length': String(body.byteLength) }
    return this.#transport.send({ method, target: `${url.pathname}${url.search}`, headers: sent, body: [body], signal })
  }

  close(): void {
    this.#transport.close()
  }

  #send({ method, name, query = {}, headers = {}, body, bodySha256, signal }: S3Request): Promise<WireAnswer> {
    const chunks: readonly Uint8Array[] = body === undefined ? [] : body instanceof Uint8Array ? [body] : body
    const sent: Record<string, string> = { host: this.#host }
    for (const field in headers) {
      const value = headers[field]
      if (value !== undefined) sent[field] = value
    }
    if (method === 'PUT' || method === 'POST') sent['content-length'] = String(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0))
    const path = this.pathOf(name)
    const pairs = encodeQuery(query)
    if (this.signer !== undefined) {
      const digest = chunks.length === 0 ? EMPTY_SHA256 : this.#signsBody ? (bodySha256 ?? digestOf(chunks)) : UNSIGNED
      const time = this.#now()
      sent['x-amz-date'] = time
      sent['x-amz-content-sha256'] = digest
      sent.authorization = this.signer.authorization({ method, path, query: pairs, headers: sent }, time, digest)
    }
    return this.#transport.send({
      method,
      target: pairs.length === 0 ? path : `${path}?${joinQuery(pairs)}`,
      headers: sent,
      body: chunks,
      signal,
    })
  }

  async #text(answer: WireAnswer, signal: AbortSignal, maxBytes: number): Promise<string> {
    return (await readAll(answer.message, signal, this.idleTimeoutMs, maxBytes)).toString('utf8')
  }

  /** The same text for all requests of a second. */
  #now(): string {
    const ms = Date.now()
    const second = Math.floor(ms / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#time = signingTime(ms)
    }
    return this.#time
  }
}

/** Where a bucket is: in the path, or in the host's name. */
export function addressOf(endpoint: URL, bucket: string, pathStyle: boolean): { host: string; hostname: string; port: string } {
  const { host, hostname, port } = endpoint
  const bare = hostname.replace(/^\[|\]$/g, '')
  return pathStyle ? { host, hostname: bare, port } : { host: `${bucket}.${host}`, hostname: `${bucket}.${hostname}`, port }
}

function digestOf(chunks: readonly Uint8Array[]): string {
  if (chunks.length === 1) return hash('sha256', chunks[0]!)
  const digest = createHash('sha256')
  for (const chunk of chunks) digest.update(chunk)
  return digest.digest('hex')
}
