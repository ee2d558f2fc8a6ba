/** Opaque version of a blob's bytes and metadata: the same from put, head, get and list. */
export type Etag = string

/**
 * Where bytes come from. `{ open }` can be read again, so that a failed try is repeated; a plain stream or iterable is
 * read once, so that only tries that sent nothing are repeated. A string is stored as UTF-8.
 */
export type BlobSource =
  | string
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | { open(from?: number): AsyncIterable<Uint8Array>; readonly sizeBytes?: number }

/** When a write may take place: only if the key is free, or only over exactly that version. */
export type WriteCondition = { readonly create: true } | { readonly replace: Etag }

/** From `offset` on, `length` bytes or to the end; or the last `suffix` bytes. */
export type BlobRange = { readonly offset: number; readonly length?: number } | { readonly suffix: number }

/** What a write carries beside its bytes; absent = the adapter keeps nothing for it. */
export interface BlobAttributes {
  readonly contentType: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly contentDisposition?: string
  readonly cacheControl?: string
  /** User metadata; names are lower case ASCII tokens, values any text without control characters. */
  readonly metadata: Readonly<Record<string, string>>
}

/** What is known of a blob without reading it. */
export interface BlobInfo extends BlobAttributes {
  readonly key: string
  readonly sizeBytes: number
  readonly etag: Etag
  readonly modifiedAt: Date
  /** SHA-256 of the whole body in lower-case hex, where the store keeps it. */
  readonly sha256?: string
}

/** One line of a listing. */
export type BlobEntry =
  | { readonly kind: 'blob'; readonly key: string; readonly sizeBytes: number; readonly etag: Etag; readonly modifiedAt: Date }
  | { readonly kind: 'prefix'; readonly prefix: string }

export interface SignedUrl {
  readonly url: string
  readonly method: 'GET' | 'PUT'
  /** Headers that the request must send as they are. */
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAt: Date
}

/** A form upload: post `fields` in this order as multipart/form-data, then the file as field `file`. */
export interface SignedForm {
  readonly url: string
  readonly fields: Readonly<Record<string, string>>
  readonly expiresAt: Date
}
