import type { Driver, DriverCall } from '../driver.js'
import type { BlobAttributes, BlobEntry, BlobInfo, BlobRange, Etag, SignedForm, SignedUrl, WriteCondition } from './types.js'

/** What an adapter of this port can do. `false` is refused with UNSUPPORTED before any I/O. */
export interface BlobCapabilities {
  /** `if: { create: true }` and `if: { replace: etag }` on put and copy, kept atomically, streamed writes too. */
  readonly conditionalWrites: boolean
  /** `ifMatch` on delete, kept atomically. */
  readonly conditionalDelete: boolean
  /** `sourceEtag` on copy. */
  readonly conditionalCopy: boolean
  /** `sign.get` and `sign.put`. */
  readonly signedUrls: boolean
  /** `sign.post` with a size range that the store itself enforces. */
  readonly signedPost: boolean
}

/** The engine's bounds; the port refuses what is beyond them before anything is sent. */
export interface BlobLimits {
  /** Largest blob in bytes. */
  readonly maxBytes: number
  /** User metadata, names and values together, in bytes of UTF-8 as the adapter stores them. Default 2,048 (S3's). */
  readonly maxMetadataBytes: number
  /** Largest page that `list` may be asked for. */
  readonly maxPageSize: number
  /** Largest batch that `deleteMany` takes. */
  readonly maxDeleteBatch: number
  /** Longest life of a signed URL in milliseconds. */
  readonly maxSignedMs: number
}

/** The bytes to write. The driver reads `stream` once and to its end, unless the call fails. */
export interface BlobBody {
  /** Exact size where it is known; the port already fails a stream that is shorter or longer. */
  readonly sizeBytes?: number
  /** Chunks of at least one byte. It throws when the source fails, falls short or runs over: publish nothing then. */
  readonly stream: AsyncIterable<Uint8Array>
  /** Whole body where it is in memory already; then `stream` gives the same bytes. */
  readonly bytes?: Uint8Array
  /** SHA-256 of the body in lower-case hex, where the caller gave it: verify it and refuse with INTEGRITY_FAILED. */
  readonly sha256?: string
}

export interface DriverPut extends DriverCall, BlobAttributes {
  readonly condition?: WriteCondition
}

export interface DriverGet extends DriverCall {
  readonly range?: BlobRange
  readonly ifMatch?: Etag
  readonly ifNoneMatch?: Etag
  readonly ifModifiedSince?: Date
}

/** What `get` gives back: the info belongs to the very bytes that `body` streams. */
export interface DriverBlob {
  readonly info: BlobInfo
  /** Which bytes `body` holds: first byte and count. */
  readonly range: { readonly offset: number; readonly length: number }
  /** One pass; `return()` frees the socket or the file. Throws INTEGRITY_FAILED when stored checksums do not fit. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface DriverList extends DriverCall {
  readonly prefix: string
  readonly delimiter?: string
  /** First page: keys after this one, in UTF-8 byte order. */
  readonly startAfter?: string
  /** Next pages: what the page before gave as `cursor`. */
  readonly cursor?: string
  readonly pageSize: number
}

export interface DriverPage {
  /** Blobs and common prefixes in UTF-8 byte order. */
  readonly entries: readonly BlobEntry[]
  /** Present when there is more; stays good while others insert and delete. */
  readonly cursor?: string
}

export interface DriverCopy extends DriverCall {
  readonly condition?: WriteCondition
  readonly sourceEtag?: Etag
  /** Absent = keep the source's. */
  readonly attributes?: BlobAttributes
}

export type SignRequest =
  | {
      readonly method: 'GET'
      readonly key: string
      readonly expiresAt: Date
      readonly contentType?: string
      readonly contentDisposition?: string
    }
  | { readonly method: 'PUT'; readonly key: string; readonly expiresAt: Date; readonly contentType: string; readonly sizeBytes?: number }
  | {
      readonly method: 'POST'
      readonly key: string
      readonly expiresAt: Date
      readonly contentType: string
      readonly minBytes: number
      readonly maxBytes: number
    }

/**
 * The adapter's side of blob storage; apps use {@link BlobStorage}. Keys arrive valid: 1 to 1,024 bytes of UTF-8, no `.`
 * or `..` segment, and must stay distinct byte for byte. Calls may run concurrently. Do not retry, validate or log: throw
 * a PortError, and the port decides from `error.retryable`.
 */
export interface BlobDriver extends Driver {
  readonly limits: BlobLimits
  /** What this very engine can do, where that is less than the manifest says. */
  readonly capabilities?: BlobCapabilities
  /** [B57] Replaces any earlier blob at once: a reader sees the old bytes or the new, never a mix, metadata with them.
   *  [B49] When the signal aborts or the body throws, nothing is published and no part stays behind.
   *  @throws PRECONDITION_FAILED [B62, B63, B64: also for a missing key] | INTEGRITY_FAILED [B97] | TOO_LARGE | PERMISSION_DENIED | UNAVAILABLE */
  put(key: string, body: BlobBody, options: DriverPut): Promise<BlobInfo>
  /** @throws NOT_FOUND [B4] | PRECONDITION_FAILED [B67] | RANGE_NOT_SATISFIABLE [B74] */
  get(key: string, options: DriverGet): Promise<DriverBlob>
  /** @throws NOT_FOUND */
  head(key: string, call: DriverCall): Promise<BlobInfo>
  list(options: DriverList): Promise<DriverPage>
  /** Server side. @throws NOT_FOUND | PRECONDITION_FAILED */
  copy(from: string, to: string, options: DriverCopy): Promise<BlobInfo>
  /** Deleting what is not there succeeds. @throws PRECONDITION_FAILED when `ifMatch` is given and does not match, or the key is missing */
  delete(key: string, options: DriverCall & { readonly ifMatch?: Etag }): Promise<void>
  /** At most `limits.maxDeleteBatch` keys; one outcome a key, in order: undefined = gone, else the error. */
  deleteMany(keys: readonly string[], call: DriverCall): Promise<readonly (Error | undefined)[]>
  /** Called only with capability `signedUrls` (`signedPost` for POST). No I/O with the store. */
  sign(request: SignRequest): Promise<SignedUrl | SignedForm>
}
