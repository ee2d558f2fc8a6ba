import { readFile } from 'node:fs/promises'
import {
  type AdapterDeps,
  attributesOf,
  type BlobBody,
  type BlobCapabilities,
  type BlobDriver,
  type BlobInfo,
  type BlobLimits,
  type Clock,
  type DriverBlob,
  type DriverCall,
  type DriverCopy,
  type DriverGet,
  type DriverList,
  type DriverPage,
  type DriverPut,
  type Etag,
  PortError,
  type SignedForm,
  type SignedUrl,
  type SignRequest,
  type WriteCondition,
} from '@pdvend/ports'
import { crc32 } from 'node:zlib'
import { S3Client } from './client/s3-client.js'
import { TransportError } from './client/transport-error.js'
import { bareEtag, crcText, header, quotedEtag, tailHeader, toHeaders, toInfo } from './codec.js'
import type { Settings } from './config.js'
import { copyBlob } from './copying.js'
import { fail } from './errors.js'
import { Janitor } from './janitor.js'
import { readPage } from './listing.js'
import { removeStale, uploadParts } from './multipart.js'
import { Names } from './names.js'
import { gather, partBytesFor } from './parts.js'
import { capabilitiesOf, factsOf, type Measured } from './probe/measured.js'
import { measuredStore, readRecord } from './probe/record.js'
import { openBlob } from './reading.js'
import { UrlSigner } from './signing.js'
import { listNames, removeNames, tailOf } from './store.js'

/**
 * S3's bounds: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html and UsingMetadata.html (read November 2026).
 * Metadata: 2,048 bytes as it is stored, of which each name takes 11 for its `x-amz-meta-`.
 */
const limits: BlobLimits = {
  maxBytes: 5 * 1_024 ** 4,
  maxMetadataBytes: 2_048 - 11,
  maxPageSize: 1_000,
  maxDeleteBatch: 1_000,
  maxSignedMs: 7 * 86_400_000,
}

/** Between two sweeps in a process that runs for long, in milliseconds. */
const SWEEP_EVERY_MS = 6 * 3_600_000

/** Connects to the bucket of the settings, proves that it answers, and learns what its store keeps. */
export async function openOssMinio(settings: Settings, deps: AdapterDeps): Promise<BlobDriver> {
  const client = await connect(settings)
  try {
    const measured = await measuredStore(client, settings, deps)
    const driver = new OssMinioDriver(client, settings, measured, deps.clock)
    driver.sweep((removed) => deps.log.info({ removed }, 'removed multipart uploads that killed writers had left'))
    return driver
  } catch (cause) {
    client.close()
    if (deps.signal.aborted) throw deps.signal.reason
    throw fail('open', cause)
  }
}

/** The client of the settings. @throws CONFIG_INVALID for settings that contradict each other, before anything is sent */
export async function connect(settings: Settings): Promise<S3Client> {
  const { endpoint, accessKey, secretKey, uploadAccessKey, uploadSecretKey, caFile, allowPlainText } = settings
  const refuse = (detail: string, cause?: unknown): PortError =>
    new PortError('CONFIG_INVALID', { adapter: 'oss-minio', operation: 'open', detail, cause })
  if (secretKey === undefined) throw refuse('PDVEND_BLOB_SECRET_KEY is missing: give the secret of PDVEND_BLOB_ACCESS_KEY')
  if ((uploadAccessKey === undefined) !== (uploadSecretKey === undefined))
    throw refuse('give PDVEND_BLOB_UPLOAD_ACCESS_KEY and PDVEND_BLOB_UPLOAD_SECRET_KEY together')
  if (endpoint.protocol === 'http:' && !isLoopback(endpoint.hostname) && !allowPlainText)
    throw refuse(
      `PDVEND_BLOB_ENDPOINT is http:// at ${endpoint.hostname}: all blobs would cross the network in plain text; use https://, or allow it by PDVEND_BLOB_ALLOW_PLAIN_TEXT=true`,
    )
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile, 'utf8').catch((cause: unknown) => Promise.reject(refuse('PDVEND_BLOB_CA_FILE cannot be read', cause)))
  const { region, bucket, pathStyle, connections, connectTimeoutMs, idleTimeoutMs } = settings
  return new S3Client({
    endpoint,
    region,
    bucket,
    pathStyle,
    credentials: { accessKey, secretKey: secretKey.reveal() },
    connections,
    connectTimeoutMs,
    idleTimeoutMs,
    ...(ca === undefined ? {} : { ca }),
  })
}

/**
 * *Semantics*: S3's: a write is seen whole or not at all, by everybody after it was acknowledged. Conditions are the store's own;
 * where it was found not to keep one, the capability is false. *Limits*: {@link limits}. *Names*: `names.ts`. *Cost*: one request a
 * call; a copy two (its source is looked at first), a conditional copy four; a body above `partBytes` two and one a part. Reads are
 * verified against the checksum that the store keeps of the whole; a range is verified by the store alone.
 */
class OssMinioDriver implements BlobDriver {
  readonly limits = limits
  readonly capabilities: BlobCapabilities
  readonly facts: Readonly<Record<string, string>>
  readonly #names: Names
  readonly #signer: UrlSigner
  readonly #janitor: Janitor
  readonly #closing = new AbortController()

  constructor(
    private readonly client: S3Client,
    private readonly settings: Settings,
    private readonly measured: Measured,
    private readonly clock: Clock,
  ) {
    const { endpoint, publicUrl = endpoint, bucket, pathStyle, region, accessKey, secretKey, uploadAccessKey, uploadSecretKey } = settings
    const credentials = { accessKey, secretKey: secretKey!.reveal() }
    this.capabilities = capabilitiesOf(measured)
    this.facts = factsOf(measured)
    this.#names = new Names(measured.names)
    this.#janitor = new Janitor(client)
    this.#signer = new UrlSigner({
      endpoint: publicUrl,
      bucket,
      pathStyle,
      region,
      credentials,
      uploadCredentials: uploadAccessKey === undefined ? credentials : { accessKey: uploadAccessKey, secretKey: uploadSecretKey!.reveal() },
      guard: measured.signedPut,
    })
  }

  async put(key: string, body: BlobBody, options: DriverPut): Promise<BlobInfo> {
    const { signal } = options
    const { name, tail } = this.#names.encode(key)
    const headers = toHeaders(options, tail)
    const partBytes = partBytesFor(body.sizeBytes, this.settings.partBytes)
    const gathered = await gather(body, partBytes)
    signal.throwIfAborted()
    try {
      if ('whole' in gathered) return await this.#putWhole(key, name, gathered.whole, headers, body.sha256, options)
      const target = {
        client: this.client,
        janitor: this.#janitor,
        name,
        headers,
        conditions: conditionHeaders(options.condition),
        checksums: this.measured.checksums === 'full' ? 'full' : 'none',
        signal,
        atOnce: this.settings.partsAtOnce,
      } as const
      const { etag, sizeBytes } = await uploadParts(target, gathered.parts)
      return { key, ...attributesOf(options), etag, sizeBytes, modifiedAt: new Date(this.clock.now()) }
    } catch (cause) {
      throw await this.#refused(cause, key, name, options)
    }
  }

  async #putWhole(
    key: string,
    name: string,
    bytes: Uint8Array,
    headers: Record<string, string>,
    sha256: string | undefined,
    options: DriverPut,
  ): Promise<BlobInfo> {
    const checksummed = this.measured.checksums !== 'none'
    if (checksummed && sha256 !== undefined) headers['x-amz-checksum-sha256'] = Buffer.from(sha256, 'hex').toString('base64')
    else if (checksummed) headers['x-amz-checksum-crc32'] = crcText(crc32(bytes))
    const answer = await this.client.call({
      method: 'PUT',
      name,
      headers: { ...headers, ...conditionHeaders(options.condition) },
      body: bytes,
      signal: options.signal,
      ...(sha256 === undefined ? {} : { bodySha256: sha256 }),
    })
    return {
      key,
      ...attributesOf(options),
      etag: bareEtag(header(answer, 'etag') ?? ''),
      sizeBytes: bytes.byteLength,
      modifiedAt: new Date(header(answer, 'date') ?? this.clock.now()),
      ...(checksummed && sha256 !== undefined ? { sha256 } : {}),
    }
  }

  async get(key: string, options: DriverGet): Promise<DriverBlob> {
    try {
      return await openBlob(this.client, key, this.#names.encode(key).name, options)
    } catch (cause) {
      throw fail('get', cause, key)
    }
  }

  async head(key: string, { signal }: DriverCall): Promise<BlobInfo> {
    try {
      const { name } = this.#names.encode(key)
      const headers = await this.client.call({ method: 'HEAD', name, headers: { 'x-amz-checksum-mode': 'ENABLED' }, signal })
      return toInfo(key, headers, Number(header(headers, 'content-length')))
    } catch (cause) {
      throw fail('head', cause, key)
    }
  }

  async list(options: DriverList): Promise<DriverPage> {
    const { signal } = options
    const store = {
      page: (query: Parameters<typeof listNames>[1]) => listNames(this.client, query, signal),
      tail: (name: string) => tailOf(this.client, name, signal),
    }
    try {
      return await readPage(store, this.#names, options)
    } catch (cause) {
      throw fail('list', cause, options.prefix)
    }
  }

  async copy(from: string, to: string, options: DriverCopy): Promise<BlobInfo> {
    const tools = { client: this.client, janitor: this.#janitor, conditions: conditionHeaders(options.condition) }
    try {
      return await copyBlob(tools, this.#names.encode(from), { key: to, ...this.#names.encode(to) }, options)
    } catch (cause) {
      throw fail('copy', cause, to)
    }
  }

  async delete(key: string, { ifMatch, signal }: DriverCall & { readonly ifMatch?: Etag }): Promise<void> {
    const { name } = this.#names.encode(key)
    try {
      await this.client.call({ method: 'DELETE', name, headers: ifMatch === undefined ? {} : { 'if-match': quotedEtag(ifMatch) }, signal })
    } catch (cause) {
      const error = fail('delete', cause, key)
      if (!isMissing(error)) throw error
      if (ifMatch !== undefined) throw unmet(cause, key, 'delete')
    }
  }

  async deleteMany(keys: readonly string[], { signal }: DriverCall): Promise<readonly (Error | undefined)[]> {
    try {
      return await removeNames(
        this.client,
        keys.map((key) => this.#names.encode(key).name),
        signal,
      )
    } catch (cause) {
      throw fail('deleteMany', cause)
    }
  }

  async sign(request: SignRequest): Promise<SignedUrl | SignedForm> {
    const { name, tail } = this.#names.encode(request.key)
    return this.#signer.sign(request, name, tailHeader(tail), this.clock.now())
  }

  async ping({ signal }: DriverCall): Promise<void> {
    await readRecord(this.client, signal).catch((cause: unknown) => Promise.reject(fail('ping', cause)))
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await this.#janitor.close()
    this.client.close()
  }

  /** Now and again, in the background; what a key may not list or remove stays for others. */
  sweep(onRemoved: (count: number) => void): void {
    const timer = setTimeout(() => this.sweep(onRemoved), SWEEP_EVERY_MS)
    timer.unref()
    this.#closing.signal.addEventListener('abort', () => clearTimeout(timer))
    const before = new Date(this.clock.now() - this.settings.sweepAfterMs)
    removeStale(this.client, before, this.#closing.signal).then(
      (removed) => removed > 0 && onRemoved(removed),
      () => undefined,
    )
  }

  /**
   * Why a write failed. A store answers a condition on a blob that is gone with 404 [B64]. One that refuses a body while it is
   * sent may close the connection under it, so that its answer is lost: then the condition is looked at again.
   */
  async #refused(cause: unknown, key: string, name: string, { condition, signal }: DriverPut): Promise<PortError> {
    const error = fail('put', cause, key)
    if (condition === undefined || signal.aborted) return error
    if ('replace' in condition && isMissing(error)) return unmet(cause, key)
    if (!(cause instanceof TransportError && !cause.sent)) return error
    const etag = await this.client.call({ method: 'HEAD', name, signal }).then(
      (headers) => bareEtag(header(headers, 'etag') ?? ''),
      (reason: unknown) => (isMissing(fail('put', reason)) ? undefined : reason),
    )
    if (typeof etag !== 'string' && etag !== undefined) return error
    const holds = 'create' in condition ? etag === undefined : etag === condition.replace
    return holds ? error : unmet(cause, key)
  }
}

function conditionHeaders(condition: WriteCondition | undefined): Record<string, string> {
  if (condition === undefined) return {}
  return 'create' in condition ? { 'if-none-match': '*' } : { 'if-match': quotedEtag(condition.replace) }
}

function isMissing(error: PortError): boolean {
  return PortError.is(error, 'NOT_FOUND') && (error.cause as { code?: unknown } | undefined)?.code !== 'NoSuchBucket'
}

function unmet(cause: unknown, key: string, operation = 'put'): PortError {
  return fail(operation, new PortError('PRECONDITION_FAILED', { detail: 'the blob is there, gone or another version', cause }), key)
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
}
