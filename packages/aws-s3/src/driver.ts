import type { IncomingMessage } from 'node:http'
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import {
  type AdapterDeps,
  type BlobAttributes,
  type BlobBody,
  type BlobCapabilities,
  type BlobDriver,
  type BlobEntry,
  type BlobInfo,
  type BlobLimits,
  type DriverBlob,
  type DriverCall,
  type DriverCopy,
  type DriverGet,
  type DriverList,
  type DriverPage,
  type DriverPut,
  type Etag,
  isModifiedSince,
  PortError,
  type SignedForm,
  type SignedUrl,
  type SignRequest,
} from '@pdvend/ports'
import { OpenBodies } from './body.js'
import { cancellable, openStore, type SignedPut, type Store } from './client.js'
import {
  fitsXml,
  fromAttributes,
  fromContentRange,
  fromListedName,
  inByteOrder,
  MAX_METADATA_BYTES,
  quoted,
  toCheck,
  toCondition,
  toCrc32,
  toEtag,
  toInfo,
  toRange,
  toSha256,
} from './codec.js'
import { isAmazon, type Settings } from './config.js'
import { Copier } from './copies.js'
import { failed } from './errors.js'
import { send } from './multipart.js'
import { toAllow } from './permissions.js'
import { ofAmazon, probe, type SignPut, type StoreTraits } from './probe.js'
import { Signer } from './signer.js'
import { sweepUploads, Uploads } from './uploads.js'

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html, seen in November 2026; a signature lives for seven days (Signature Version 4). */
const limits: BlobLimits = {
  maxBytes: 5 * 2 ** 40,
  maxMetadataBytes: MAX_METADATA_BYTES,
  maxPageSize: 1_000,
  maxDeleteBatch: 1_000,
  maxSignedMs: 7 * 86_400_000,
}

/** Keys that a bulk delete cannot carry are deleted one by one, so many at once. */
const SINGLE_DELETES_AT_ONCE = 8

/**
 * Proves that the bucket answers to these credentials in this region, and measures what a store other than S3 keeps.
 * @throws CONFIG_INVALID (wrong region) | NOT_FOUND (no bucket) | UNAUTHENTICATED | PERMISSION_DENIED | UNAVAILABLE
 */
export async function openAwsS3(settings: Settings, { clock, log, signal }: AdapterDeps): Promise<BlobDriver> {
  const store = openStore(settings)
  try {
    await prove(store, settings, signal).catch((error: unknown) => {
      // The clock was put right, or the session token fetched anew, by the first answer.
      if (PortError.is(error, 'UNAVAILABLE') && error.outcome === 'not-applied') return prove(store, settings, signal)
      throw error
    })
    const signer = (signedPut: SignedPut, of = settings): Signer => new Signer(of, store.transport, clock, signedPut)
    const signPut: SignPut = async (key, signedPut) => {
      // The probe's own requests go where the app's go, not where browsers come in.
      const request = { method: 'PUT', key, contentType: 'text/plain', expiresAt: new Date(clock.now() + 60_000) } as const
      return (await signer(signedPut, { ...settings, publicEndpoint: undefined }).sign(request)) as SignedUrl
    }
    const traits = isAmazon(settings) ? ofAmazon : await measured(store, settings, signPut, signal)
    const driver = new AwsS3Driver(store, settings, signer(traits.signedPut), traits)
    if (settings.sweepAfterMs !== undefined)
      await sweepUploads(store, clock.now() - settings.sweepAfterMs, signal).catch((error: unknown) =>
        log.warn({ error: String(error) }, 'could not look for multipart uploads that killed writers left'),
      )
    return driver
  } catch (error) {
    store.client.destroy()
    throw error
  }
}

/** The cheapest call that answers with a reason; HeadBucket gives none. */
async function prove(store: Store, settings: Settings, signal: AbortSignal, operation = 'open'): Promise<void> {
  try {
    await store.client.send(cancellable(new ListObjectsV2Command({ Bucket: store.bucket, MaxKeys: 1 }), signal))
  } catch (cause) {
    throw withMend(failed(operation, cause, store.bucket), settings)
  }
}

async function measured(store: Store, settings: Settings, signPut: SignPut, signal: AbortSignal): Promise<StoreTraits> {
  return probe(store, signPut, signal).catch((error: unknown) => {
    throw PortError.is(error) ? withMend(error, settings).with({ operation: 'open' }) : error
  })
}

/** A refusal for which S3 gave no other reason says what to allow. */
function withMend(error: PortError, settings: Settings): PortError {
  const unexplained = error.code === 'PERMISSION_DENIED' && error.detail === undefined
  return unexplained ? error.with({ detail: toAllow(error.operation, settings) }) : error
}

/**
 * *Semantics*: S3's own strong consistency: a write is seen whole or not at all; a body above `partBytes` becomes a multipart
 * upload that is published by its completion, where its condition is checked. *Limits*: {@link limits}. *Names*: a blob is the
 * object of its key, byte for byte. *Cost*: one request a call; a copy looks at its source first; a
 * large body takes two requests more than it has parts; a bulk delete is one for 1,000 keys.
 */
class AwsS3Driver implements BlobDriver {
  readonly limits = limits
  readonly capabilities: BlobCapabilities
  readonly facts: Readonly<Record<string, string>>
  readonly #bodies: OpenBodies
  readonly #uploads: Uploads
  readonly #copier: Copier
  #closed = false

  constructor(
    private readonly store: Store,
    private readonly settings: Settings,
    private readonly signer: Signer,
    traits: StoreTraits,
  ) {
    const { maxSockets, requestTimeoutMs, checksums } = settings
    this.capabilities = traits.capabilities
    this.facts = {
      bucket: settings.bucket,
      store: settings.endpoint ?? 'Amazon S3',
      checksums,
      conditions: traits.summary,
      signedPut: traits.signedPut,
    }
    // Half of the connections are always left to calls.
    this.#bodies = new OpenBodies(Math.max(1, Math.floor(maxSockets / 2)), requestTimeoutMs)
    this.#uploads = new Uploads(store, checksums)
    this.#copier = new Copier(store, this.#uploads, traits.onCopies)
  }

  async put(key: string, body: BlobBody, options: DriverPut): Promise<BlobInfo> {
    const fields = this.#fields('put', key, options)
    const { signal, condition } = options
    const info = (etag: string | undefined, sizeBytes: number, sha256?: string): BlobInfo =>
      toInfo(key, sizeBytes, { ...fields, ETag: etag, LastModified: this.signer.storeTime(), ChecksumSHA256: sha256 })
    const { partBytes, partsAtOnce } = this.settings
    try {
      let sizeBytes = 0
      return await send<BlobInfo>(
        body,
        {
          single: async (bytes, crc32) => {
            const checksum = body.sha256 === undefined ? { ChecksumCRC32: toCrc32(crc32) } : { ChecksumSHA256: toSha256(body.sha256) }
            const put = { Bucket: this.store.bucket, Key: key, Body: bytes, ...fields, ...checksum, ...toCondition(condition) }
            const output = await this.store.client.send(cancellable(new PutObjectCommand(put), signal)).catch((cause: unknown) => {
              throw this.#failed('put', cause, key)
            })
            return info(output.ETag, bytes.byteLength, output.ChecksumSHA256)
          },
          begin: async () => {
            const upload = await this.#uploads.begin('put', key, fields, signal)
            return {
              part: (number, bytes, crc32, partSignal) => {
                sizeBytes += bytes.byteLength
                return upload.part(number, bytes, crc32, partSignal)
              },
              complete: async (parts, crc32, completeSignal) =>
                info(await upload.complete(parts, crc32, condition, completeSignal), sizeBytes),
              abort: () => upload.abort(),
            }
          },
        },
        { partBytes, partsAtOnce, repeat: condition === undefined ? 'safe' : 'guarded', signal },
      )
    } catch (cause) {
      throw this.#conditionLost(this.#failed('put', cause, key), condition !== undefined)
    }
  }

  async get(key: string, options: DriverGet): Promise<DriverBlob> {
    const { range, ifMatch, ifNoneMatch, ifModifiedSince, signal } = options
    const conditions = {
      ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: quoted(ifNoneMatch) }),
      ...(ifModifiedSince === undefined ? {} : { IfModifiedSince: ifModifiedSince }),
    }
    const wanted = { Bucket: this.store.bucket, Key: key, ...conditions }
    // HTTP has no range of no bytes, and no end of an empty blob.
    if (range !== undefined && ('suffix' in range ? range.suffix : range.length) === 0) return this.#nothing(key, wanted, options)
    try {
      const command = new GetObjectCommand({ ...wanted, ...(range === undefined ? {} : { Range: toRange(range) }) })
      const output = await this.store.client.send(cancellable(command, signal))
      return await this.#opened(key, output, options)
    } catch (cause) {
      const error = this.#failed('get', cause, key)
      if (error.code === 'RANGE_NOT_SATISFIABLE' && range !== undefined && 'suffix' in range) return this.#nothing(key, wanted, options)
      throw error
    }
  }

  async head(key: string, { signal }: DriverCall): Promise<BlobInfo> {
    const command = new HeadObjectCommand({ Bucket: this.store.bucket, Key: key, ChecksumMode: 'ENABLED' })
    try {
      const output = await this.store.client.send(cancellable(command, signal))
      return toInfo(key, output.ContentLength ?? 0, output)
    } catch (cause) {
      throw this.#failed('head', cause, key)
    }
  }

  async list(options: DriverList): Promise<DriverPage> {
    const { delimiter, cursor, startAfter, pageSize, signal } = options
    const command = new ListObjectsV2Command({
      Bucket: this.store.bucket,
      Prefix: options.prefix,
      EncodingType: 'url',
      MaxKeys: pageSize,
      ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
      ...(cursor === undefined ? (startAfter === undefined ? {} : { StartAfter: startAfter }) : { ContinuationToken: cursor }),
    })
    try {
      const page = await this.store.client.send(cancellable(command, signal))
      const decode = (name: string | undefined): string => fromListedName(name ?? '', page.EncodingType === 'url')
      const prefixes = (page.CommonPrefixes ?? []).map(({ Prefix }): BlobEntry => ({ kind: 'prefix', prefix: decode(Prefix) }))
      const entries = [...(page.Contents ?? []).map((object) => toEntry(decode(object.Key), object)), ...prefixes]
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined
      return { entries: prefixes.length > 0 ? inByteOrder(entries) : entries, ...(next === undefined ? {} : { cursor: next }) }
    } catch (cause) {
      throw this.#failed('list', cause)
    }
  }

  async copy(from: string, to: string, options: DriverCopy): Promise<BlobInfo> {
    const fields = options.attributes === undefined ? undefined : this.#fields('copy', to, options.attributes)
    try {
      return await this.#copier.copy(from, to, fields, options)
    } catch (cause) {
      throw this.#failed('copy', cause, to)
    }
  }

  async delete(key: string, { ifMatch, signal }: DriverCall & { readonly ifMatch?: Etag }): Promise<void> {
    const condition = ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }
    const command = new DeleteObjectCommand({ Bucket: this.store.bucket, Key: key, ...condition })
    try {
      await this.store.client.send(cancellable(command, signal))
    } catch (cause) {
      throw this.#conditionLost(this.#failed('delete', cause, key), ifMatch !== undefined)
    }
  }

  async deleteMany(keys: readonly string[], call: DriverCall): Promise<readonly (Error | undefined)[]> {
    const errors = new Map<string, Error>()
    const bulk = keys.filter(fitsXml)
    const single = keys.filter((key) => !fitsXml(key))
    try {
      if (bulk.length > 0) {
        const Delete = { Quiet: true, Objects: bulk.map((Key) => ({ Key })) }
        const output = await this.store.client.send(
          cancellable(new DeleteObjectsCommand({ Bucket: this.store.bucket, Delete }), call.signal),
        )
        for (const { Key = '', Code, Message } of output.Errors ?? []) {
          const error = failed('deleteMany', Object.assign(new Error(Message), { name: Code }), Key)
          errors.set(Key, withMend(error, this.settings))
        }
      }
      const rest = single.values()
      const lane = async (): Promise<void> => {
        for (const key of rest) await this.delete(key, call).catch((error: unknown) => void errors.set(key, error as Error))
      }
      await Promise.all(Array.from({ length: Math.min(single.length, SINGLE_DELETES_AT_ONCE) }, lane))
    } catch (cause) {
      throw this.#failed('deleteMany', cause)
    }
    return keys.map((key) => errors.get(key))
  }

  async sign(request: SignRequest): Promise<SignedUrl | SignedForm> {
    try {
      return await this.signer.sign(request)
    } catch (cause) {
      throw this.#failed('sign', cause, request.key)
    }
  }

  ping({ signal }: DriverCall): Promise<void> {
    return prove(this.store, this.settings, signal, 'ping')
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.signer.close()
    this.store.client.destroy()
  }

  async #opened(key: string, output: GetObjectCommandOutput, options: DriverGet): Promise<DriverBlob> {
    const response = output.Body as unknown as IncomingMessage
    const length = output.ContentLength ?? 0
    const range = fromContentRange(output.ContentRange) ?? { offset: 0, length, sizeBytes: length }
    const info = toInfo(key, range.sizeBytes, output)
    // A time to come is none to HTTP, and S3 ignores it.
    if (!isModifiedSince(info.modifiedAt, options.ifModifiedSince)) {
      response.destroy()
      throw new PortError('PRECONDITION_FAILED', { detail: 'the blob was not modified since' })
    }
    const check = options.range === undefined ? toCheck(output) : undefined
    const body = await this.#bodies.open(response, {
      key,
      length: range.length,
      signal: options.signal,
      ...(check === undefined ? {} : { check }),
    })
    return { info, range: { offset: range.offset, length: range.length }, body }
  }

  /** A range of no bytes: looked up, not read. */
  async #nothing(key: string, wanted: { Bucket: string; Key: string }, { range, signal }: DriverGet): Promise<DriverBlob> {
    try {
      const output = await this.store.client.send(cancellable(new HeadObjectCommand({ ...wanted, ChecksumMode: 'ENABLED' }), signal))
      const info = toInfo(key, output.ContentLength ?? 0, output)
      const offset = range !== undefined && 'offset' in range ? range.offset : info.sizeBytes
      if (offset > info.sizeBytes) throw new PortError('RANGE_NOT_SATISFIABLE', { detail: `the blob has ${info.sizeBytes} bytes` })
      return { info, range: { offset, length: 0 }, body: none() }
    } catch (cause) {
      throw this.#failed('get', cause, key)
    }
  }

  #fields(operation: string, key: string, attributes: BlobAttributes): ReturnType<typeof fromAttributes> {
    try {
      return fromAttributes(attributes)
    } catch (cause) {
      const detail = `metadata: ${(cause as Error).message}`
      throw new PortError('INVALID_ARGUMENT', { adapter: 'aws-s3', operation, target: key, detail, cause })
    }
  }

  #failed(operation: string, cause: unknown, key?: string): PortError {
    return withMend(failed(operation, cause, key), this.settings)
  }

  /** [B64] A condition on an object that is not there: S3 says 404 where others say 412. */
  #conditionLost(error: PortError, conditional: boolean): PortError {
    const { name } = (error.cause ?? {}) as { name?: string }
    if (!conditional || error.code !== 'NOT_FOUND' || name === 'NoSuchBucket') return error
    const { operation, target, requestId, cause } = error
    const place = {
      adapter: 'aws-s3',
      operation,
      cause,
      ...(target === undefined ? {} : { target }),
      ...(requestId === undefined ? {} : { requestId }),
    }
    return new PortError('PRECONDITION_FAILED', { ...place, detail: 'the blob is gone' })
  }
}

function toEntry(key: string, object: ListedObject): BlobEntry & { kind: 'blob' } {
  const { Size = 0, ETag, LastModified = new Date(0) } = object
  return { kind: 'blob', key, sizeBytes: Size, etag: toEtag(ETag), modifiedAt: LastModified }
}

async function* none(): AsyncGenerator<Uint8Array, void> {}

interface ListedObject {
  readonly Size?: number | undefined
  readonly ETag?: string | undefined
  readonly LastModified?: Date | undefined
}
