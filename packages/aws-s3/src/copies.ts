import { CopyObjectCommand, HeadObjectCommand, type HeadObjectCommandOutput, PutObjectCommand } from '@aws-sdk/client-s3'
import { type BlobInfo, type DriverCopy, PortError } from '@pdvend/ports'
import { cancellable, type Store } from './client.js'
import { fromAttributes, quoted, toAttributes, toCondition, toCopySource, toCrc32, toEtag, toInfo } from './codec.js'
import { failed } from './errors.js'
import type { Uploads } from './uploads.js'

type Fields = ReturnType<typeof fromAttributes>

/** Where a condition on the target of a copy is kept: by CopyObject itself (S3, since 2025), or only by completing an upload. */
export type ConditionsOnCopies = 'native' | 'composed'

/** Largest source that CopyObject takes, and largest range that one copied part takes (S3). */
const MAX_COPY_BYTES = 5 * 1_024 ** 3

/** How often a copy looks again when its source was replaced meanwhile. */
const MAX_LOOKUPS = 20

/** Server-side copies: of the version that was looked at, or of none. */
export class Copier {
  constructor(
    private readonly store: Store,
    private readonly uploads: Uploads,
    private readonly conditions: ConditionsOnCopies,
  ) {}

  /** The source is looked at first: its size decides how it is copied, its etag holds the copy to what was seen. */
  async copy(from: string, to: string, fields: Fields | undefined, options: DriverCopy): Promise<BlobInfo> {
    const { signal, sourceEtag } = options
    for (let lookups = 1; ; lookups++) {
      const seen = await this.#look(from, signal)
      const etag = toEtag(seen.ETag)
      if (sourceEtag !== undefined && sourceEtag !== etag) throw changed('the source is another version')
      try {
        return await this.#copySeen(from, to, seen, fields, options)
      } catch (cause) {
        // A 412 does not say which of the two conditions it is about: the source tells by what it is now.
        const error = failed('copy', cause, to)
        if (error.code !== 'PRECONDITION_FAILED') throw goneTarget(error, options)
        const again = toEtag((await this.#look(from, signal)).ETag) !== etag
        if (!again || sourceEtag !== undefined || lookups >= MAX_LOOKUPS) throw error
      }
    }
  }

  #look(name: string, signal: AbortSignal): Promise<HeadObjectCommandOutput> {
    return this.store.client.send(cancellable(new HeadObjectCommand({ Bucket: this.store.bucket, Key: name }), signal))
  }

  async #copySeen(
    from: string,
    to: string,
    seen: HeadObjectCommandOutput,
    fields: Fields | undefined,
    options: DriverCopy,
  ): Promise<BlobInfo> {
    const { condition, signal } = options
    const sizeBytes = seen.ContentLength ?? 0
    const target = fields ?? fromAttributes(toAttributes(seen))
    if (sizeBytes > MAX_COPY_BYTES || (condition !== undefined && this.conditions === 'composed'))
      return this.#compose(from, to, seen, target, options)
    const command = new CopyObjectCommand({
      Bucket: this.store.bucket,
      Key: to,
      CopySource: toCopySource(this.store.bucket, from),
      CopySourceIfMatch: seen.ETag,
      ...(fields === undefined ? {} : { MetadataDirective: 'REPLACE', ...fields }),
      ...toCondition(condition),
    })
    const { CopyObjectResult } = await this.store.client.send(cancellable(command, signal))
    return toInfo(to, sizeBytes, { ...target, ETag: CopyObjectResult?.ETag, LastModified: CopyObjectResult?.LastModified })
  }

  /** As a multipart upload whose parts the store copies: for sources above 5 GiB, and for conditions that CopyObject drops. */
  async #compose(from: string, to: string, seen: HeadObjectCommandOutput, fields: Fields, options: DriverCopy): Promise<BlobInfo> {
    const { condition, signal } = options
    const sizeBytes = seen.ContentLength ?? 0
    const lastModified = async (): Promise<BlobInfo> => toInfo(to, sizeBytes, await this.#look(to, signal))
    if (sizeBytes === 0) {
      const empty = { Bucket: this.store.bucket, Key: to, Body: new Uint8Array(), ChecksumCRC32: toCrc32(0) }
      await this.store.client.send(cancellable(new PutObjectCommand({ ...empty, ...fields, ...toCondition(condition) }), signal))
      return lastModified()
    }
    const upload = await this.uploads.begin('copy', to, fields, signal, 'md5')
    try {
      const source = { name: toCopySource(this.store.bucket, from), etag: quoted(toEtag(seen.ETag)) }
      const parts = []
      for (let at = 0, number = 1; at < sizeBytes; at += MAX_COPY_BYTES, number++) {
        const range = sizeBytes <= MAX_COPY_BYTES ? {} : { range: `bytes=${at}-${Math.min(sizeBytes, at + MAX_COPY_BYTES) - 1}` }
        parts.push(await upload.copiedPart(number, { ...source, ...range }, signal))
      }
      await upload.complete(parts, undefined, condition, signal)
    } catch (error) {
      await upload.abort().catch(() => undefined)
      throw error
    }
    return lastModified()
  }
}

function changed(detail: string): PortError {
  return new PortError('PRECONDITION_FAILED', { adapter: 'aws-s3', operation: 'copy', detail })
}

/** S3 answers `If-Match` on a target that is not there with 404; that the source is there was just seen. */
function goneTarget(error: PortError, { condition }: DriverCopy): PortError {
  const { name } = (error.cause ?? {}) as { name?: string }
  return condition !== undefined && 'replace' in condition && error.code === 'NOT_FOUND' && name !== 'NoSuchBucket'
    ? changed('the target is gone')
    : error
}
