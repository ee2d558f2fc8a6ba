import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type MultipartUpload,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import type { WriteCondition } from '@pdvend/ports'
import { cancellable, type Store } from './client.js'
import { type fromAttributes, toCondition, toCrc32 } from './codec.js'
import type { Settings } from './config.js'
import { failed } from './errors.js'
import type { Part } from './multipart.js'

type Fields = ReturnType<typeof fromAttributes>

/** How long the clean-up of an upload may take, in milliseconds; its caller may be gone. */
const ABORT_TIMEOUT_MS = 10_000

/** Multipart uploads of one store. */
export class Uploads {
  constructor(
    private readonly store: Store,
    private readonly checksums: Settings['checksums'],
  ) {}

  /** Parts that the store copies have no checksum that we could give: begin without one, and S3 takes its own. */
  async begin(operation: string, Key: string, fields: Fields, signal: AbortSignal, checksums = this.checksums): Promise<Upload> {
    const { client, bucket: Bucket } = this.store
    const ChecksumType = checksums === 'whole' ? 'FULL_OBJECT' : 'COMPOSITE'
    const checksum = checksums === 'md5' ? {} : ({ ChecksumAlgorithm: 'CRC32', ChecksumType } as const)
    const command = new CreateMultipartUploadCommand({ Bucket, Key, ...fields, ...checksum })
    const { UploadId } = await client.send(cancellable(command, signal)).catch((cause: unknown) => {
      throw failed(operation, cause, Key)
    })
    return new Upload(this.store, checksums, operation, { Bucket, Key, UploadId: UploadId! })
  }
}

/** One multipart upload: nothing of it is visible before `complete`. */
class Upload {
  constructor(
    private readonly store: Store,
    private readonly checksums: Settings['checksums'],
    private readonly operation: string,
    private readonly place: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  ) {}

  async part(number: number, bytes: Uint8Array, crc32: number, signal: AbortSignal): Promise<Part> {
    const command = new UploadPartCommand({ ...this.place, PartNumber: number, Body: bytes, ChecksumCRC32: toCrc32(crc32) })
    try {
      const { ETag } = await this.store.client.send(cancellable(command, signal))
      return { number, etag: ETag!, crc32 }
    } catch (cause) {
      throw failed(this.operation, cause, this.place.Key)
    }
  }

  /** A part that the store copies from another object, whole or `bytes=first-last` of it. */
  async copiedPart(number: number, source: { readonly name: string; readonly etag: string; readonly range?: string }, signal: AbortSignal) {
    const range = source.range === undefined ? {} : { CopySourceRange: source.range }
    const from = { CopySource: source.name, CopySourceIfMatch: source.etag, ...range }
    const command = new UploadPartCopyCommand({ ...this.place, PartNumber: number, ...from })
    const { CopyPartResult } = await this.store.client.send(cancellable(command, signal))
    return { number, etag: CopyPartResult!.ETag! }
  }

  /** @returns the etag */
  async complete(
    parts: readonly (Omit<Part, 'crc32'> & { readonly crc32?: number })[],
    crc32: number | undefined,
    condition: WriteCondition | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const Parts = parts.map(({ number, etag, crc32: sum }) => ({
      PartNumber: number,
      ETag: etag,
      ...(sum === undefined || this.checksums === 'md5' ? {} : { ChecksumCRC32: toCrc32(sum) }),
    }))
    const whole =
      this.checksums === 'whole' && crc32 !== undefined ? ({ ChecksumType: 'FULL_OBJECT', ChecksumCRC32: toCrc32(crc32) } as const) : {}
    const command = new CompleteMultipartUploadCommand({ ...this.place, MultipartUpload: { Parts }, ...whole, ...toCondition(condition) })
    try {
      return (await this.store.client.send(cancellable(command, signal))).ETag
    } catch (cause) {
      throw failed(this.operation, cause, this.place.Key)
    }
  }

  async abort(): Promise<void> {
    await abortUpload(this.store, this.place).catch((cause: unknown) => {
      throw failed(this.operation, cause, this.place.Key)
    })
  }
}

/**
 * Aborts the uploads that began before `beforeMs`. They may be anybody's who writes to the bucket, so that an app asks for it.
 * @returns how many there were
 */
export async function sweepUploads(store: Store, beforeMs: number, signal: AbortSignal): Promise<number> {
  const { client, bucket: Bucket } = store
  let swept = 0
  let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (markers !== undefined) {
    const page: ListedUploads = await client.send(cancellable(new ListMultipartUploadsCommand({ Bucket, ...markers }), signal))
    for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? []) {
      if ((Initiated?.getTime() ?? 0) > beforeMs) continue
      await abortUpload(store, { Bucket, Key, UploadId })
      swept++
    }
    markers =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? { KeyMarker: page.NextKeyMarker, ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }) }
        : undefined
  }
  return swept
}

interface ListedUploads {
  readonly Uploads?: MultipartUpload[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly NextKeyMarker?: string | undefined
  readonly NextUploadIdMarker?: string | undefined
}

/** An upload that is gone, completed or aborted, is as good as aborted. */
async function abortUpload({ client }: Store, place: { Bucket: string; Key: string; UploadId: string }): Promise<void> {
  const command = new AbortMultipartUploadCommand(place)
  await client.send(cancellable(command, AbortSignal.timeout(ABORT_TIMEOUT_MS))).catch((cause: unknown) => {
    if ((cause as { name?: string }).name !== 'NoSuchUpload') throw cause
  })
}
