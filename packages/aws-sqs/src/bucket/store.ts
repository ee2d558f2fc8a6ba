import { addAbortSignal, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { clientBase, renewing } from '@pdvend/client-aws'
import type { DriverCall, PortError } from '@pdvend/ports'
import type { Settings } from '../config.js'
import { ADAPTER, fail } from '../errors.js'
import type { BucketStore, Found } from './types.js'

const MAX_SOCKETS = 64

/** The client of the bucket: tries once, since the port owns the retries. @throws CONFIG_INVALID for half a pair of keys */
export function bucketClient(settings: Settings): S3Client {
  const { bucketEndpoint, requestTimeoutMs } = settings
  const client = new S3Client({
    ...clientBase(ADAPTER, 'PDVEND_JOBS', { ...settings, endpoint: bucketEndpoint }),
    cacheMiddleware: true,
    expectContinueHeader: false,
    forcePathStyle: bucketEndpoint !== undefined,
    requestHandler: {
      connectionTimeout: Math.min(requestTimeoutMs, 5_000),
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
    },
  })
  return renewing(client)
}

/** The bucket of the settings. Nothing is sent yet. */
export function openBucketStore(settings: Settings): BucketStore {
  return new S3Bucket(bucketClient(settings), settings)
}

class S3Bucket implements BucketStore {
  constructor(
    private readonly client: S3Client,
    private readonly settings: Pick<Settings, 'bucket' | 'bucketPrefix' | 'requestTimeoutMs'>,
  ) {}

  async get(key: string, call: DriverCall): Promise<Found | undefined> {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(this.settings.requestTimeoutMs)])
    try {
      const { Body, ETag } = await this.client.send(new GetObjectCommand(this.#object(key)), { abortSignal: signal })
      // The client's own timeout ends with the head of the answer.
      const bytes = await buffer(addAbortSignal(signal, Body as Readable))
      return { bytes, etag: ETag! }
    } catch (cause) {
      if (nameOf(cause) === 'NoSuchKey') return undefined
      throw this.#failed('get', cause, key, call)
    }
  }

  async put(key: string, bytes: Uint8Array, call: DriverCall): Promise<string> {
    return (await this.#put(key, bytes, {}, call))!
  }

  putIfAbsent(key: string, bytes: Uint8Array, call: DriverCall): Promise<string | undefined> {
    return this.#put(key, bytes, { IfNoneMatch: '*' }, call)
  }

  putIfMatch(key: string, bytes: Uint8Array, etag: string, call: DriverCall): Promise<string | undefined> {
    return this.#put(key, bytes, { IfMatch: etag }, call)
  }

  async #put(key: string, Body: Uint8Array, condition: object, call: DriverCall): Promise<string | undefined> {
    try {
      const command = new PutObjectCommand({ ...this.#object(key), Body, ...condition })
      return (await this.client.send(command, { abortSignal: call.signal })).ETag!
    } catch (cause) {
      if (UNMET.has(nameOf(cause))) return undefined
      throw this.#failed('put', cause, key, call)
    }
  }

  async delete(key: string, call: DriverCall): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand(this.#object(key)), { abortSignal: call.signal })
    } catch (cause) {
      throw this.#failed('delete', cause, key, call)
    }
  }

  async list(
    prefix: string,
    { after, limit = 1_000 }: { readonly after?: string; readonly limit?: number },
    call: DriverCall,
  ): Promise<{ readonly keys: readonly string[]; readonly more: boolean }> {
    const { bucket, bucketPrefix } = this.settings
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: bucketPrefix + prefix,
      MaxKeys: limit,
      ...(after === undefined ? {} : { StartAfter: bucketPrefix + after }),
    })
    try {
      const { Contents = [], IsTruncated = false } = await this.client.send(command, { abortSignal: call.signal })
      return { keys: Contents.map(({ Key }) => Key!.slice(bucketPrefix.length)), more: IsTruncated }
    } catch (cause) {
      throw this.#failed('list', cause, prefix, call)
    }
  }

  async ping(call: DriverCall): Promise<void> {
    await this.list('', { limit: 1 }, call)
  }

  close(): void {
    this.client.destroy()
  }

  #object(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.settings.bucket, Key: this.settings.bucketPrefix + key }
  }

  /** An abort that was not the caller's is our own deadline. */
  #failed(operation: string, cause: unknown, key: string, { signal }: DriverCall): PortError {
    const ours = nameOf(cause) === 'AbortError' && !signal.aborted
    const error = fail(`bucket.${operation}`, ours ? { name: 'TimeoutError', cause } : cause, key, { cause })
    return error.code === 'PERMISSION_DENIED' ? error.with({ detail: DENIED }) : error
  }
}

const DENIED =
  'PDVEND_JOBS_BUCKET is another account’s, or these credentials lack s3:ListBucket on it or s3:GetObject, s3:PutObject, s3:DeleteObject below PDVEND_JOBS_BUCKET_PREFIX (pdvend provision --print-iam)'

/** A condition that does not hold, or whose outcome hangs on another write under way: both are looked at again by reading. */
const UNMET = new Set(['PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey'])

function nameOf(cause: unknown): string {
  const { name, Code } = (cause ?? {}) as { readonly name?: string; readonly Code?: string }
  return Code ?? name ?? ''
}
