import type { PortOptions } from '../calls.js'
import type { BlobCapabilities } from './driver.js'
import type { BlobRange, Etag, WriteCondition } from './types.js'

/** What {@link BlobStorage}'s constructor takes. */
export interface BlobStorageOptions extends PortOptions {
  /** What the adapter's manifest declares; the driver may have measured less. Default: everything. */
  readonly capabilities?: BlobCapabilities
  /** Put before every key, e.g. `shop-1/`; the app never sees it. Like a {@link BlobStorage.scope}. */
  readonly prefix?: string
  /** [B90] `sniff` (default): a blob without a content type gets one by its key's extension or its first bytes. `asGiven`: it gets `application/octet-stream`. */
  readonly contentTypes?: 'sniff' | 'asGiven'
}

/** What travels beside the bytes of a blob [B89]. */
export interface AttributeOptions {
  /** Default: see {@link BlobStorageOptions.contentTypes}. */
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly contentDisposition?: string
  readonly cacheControl?: string
  /** Names are HTTP tokens, kept in lower case; values any text without control characters; 2,048 bytes in all on most adapters. */
  readonly metadata?: Readonly<Record<string, string>>
}

export interface PutOptions extends AttributeOptions {
  /** When the write may take place; absent = always. Kept on streamed writes too [B66]. Needs capability `conditionalWrites`. */
  readonly if?: WriteCondition
  /** SHA-256 of the body, 64 hex digits: other bytes are refused with INTEGRITY_FAILED, the old blob stays [B97]. */
  readonly sha256?: string
  /** Exact size in bytes where the source does not know it: a source that falls short or runs over publishes nothing [B50]. */
  readonly sizeBytes?: number
}

export interface GetOptions {
  readonly range?: BlobRange
  /** Only this version, else PRECONDITION_FAILED. */
  readonly ifMatch?: Etag
  /** Only another version, else PRECONDITION_FAILED (a web cache's 304). */
  readonly ifNoneMatch?: Etag
  /** Only what was written after it (whole seconds count), else PRECONDITION_FAILED. */
  readonly ifModifiedSince?: Date
}

export interface ListOptions {
  /** Only keys that begin with it; a plain beginning, so `p` matches `p`, `p/q` and `pq` [B87]. Default: all. */
  readonly prefix?: string
  /** Groups keys by what they have up to the first delimiter after the prefix; any text of 1 character or more [B80]. */
  readonly delimiter?: string
  /** Only keys after this one, itself excluded [B82]. */
  readonly startAfter?: string
  /** Entries fetched at once. Default 1,000 or the adapter's maximum. */
  readonly pageSize?: number
}

export interface CopyOptions {
  /** Copy this version or nothing. Needs capability `conditionalCopy`. */
  readonly sourceEtag?: Etag
  /** When the target may be written. Needs capability `conditionalWrites`. */
  readonly if?: WriteCondition
  /** Replaces all attributes of the copy; absent = the source's are kept [B94]. */
  readonly attributes?: AttributeOptions
}

/** Attributes that `update` sets; absent = those of the current blob are kept. */
export type UpdateOptions = AttributeOptions

export interface SignGetOptions {
  /** How long the URL is good, in milliseconds. Default 900,000 (15 minutes); at most the adapter's `maxSignedMs`. */
  readonly ttlMs?: number
  /** Content type of the answer in place of the stored one [B109]. */
  readonly contentType?: string
  /** Content disposition of the answer, e.g. `attachment; filename="nota.xml"` [B109]. */
  readonly contentDisposition?: string
}

export interface SignPutOptions {
  /** Milliseconds. Default 900,000. */
  readonly ttlMs?: number
  /** The request must send exactly this type [B105]. Default: by the key's extension. */
  readonly contentType?: string
  /** The request must send exactly so many bytes. */
  readonly sizeBytes?: number
}

/** What a form upload may be [B106]. */
export interface PostPolicy {
  /** Milliseconds. Default 900,000. */
  readonly ttlMs?: number
  /** The blob's type. Default: by the key's extension. */
  readonly contentType?: string
  /** Smallest body in bytes. Default 0. */
  readonly minBytes?: number
  /** Largest body in bytes; the store itself refuses more. */
  readonly maxBytes: number
}
