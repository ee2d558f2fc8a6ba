import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { BlobAttributes, BlobEntry, BlobInfo, BlobRange, Etag, WriteCondition } from '@pdvend/ports'
import type { BodyCheck } from './body.js'

/** S3's bound of user metadata in bytes, names and values together: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
export const MAX_METADATA_BYTES = 2_048

/** An etag without the quotes that HTTP puts around it. */
export function toEtag(header: string | undefined): Etag {
  return (header ?? '').replace(/^"|"$/g, '')
}

export function quoted(etag: Etag): string {
  return `"${etag}"`
}

/** A write condition as S3's headers. */
export function toCondition(condition: WriteCondition | undefined): { readonly IfNoneMatch?: '*'; readonly IfMatch?: string } {
  if (condition === undefined) return {}
  return 'create' in condition ? { IfNoneMatch: '*' } : { IfMatch: quoted(condition.replace) }
}

/** A range as the header `Range`. */
export function toRange(range: BlobRange): string {
  if ('suffix' in range) return `bytes=-${range.suffix}`
  return `bytes=${range.offset}-${range.length === undefined ? '' : range.offset + range.length - 1}`
}

/** What the header `Content-Range` says; undefined where there is none that is understood. */
export function fromContentRange(header: string | undefined): { offset: number; length: number; sizeBytes: number } | undefined {
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '')
  if (found === null) return undefined
  const [offset, last, sizeBytes] = found.slice(1).map(Number) as [number, number, number]
  return { offset, length: last - offset + 1, sizeBytes }
}

/** A checksum as S3's header has it: its bytes, most significant first, in Base64. */
export function toCrc32(checksum: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(checksum)
  return bytes.toString('base64')
}

/** The check of a whole body by what the store keeps; undefined where it keeps nothing, or a checksum of checksums of parts (`…-3`). */
export function toCheck({ ChecksumCRC32, ChecksumSHA256 }: StoredChecksums): BodyCheck | undefined {
  if (ChecksumCRC32 !== undefined && !ChecksumCRC32.includes('-')) {
    let sum = 0
    return { update: (chunk) => void (sum = crc32(chunk, sum)), matches: () => toCrc32(sum) === ChecksumCRC32 }
  }
  if (ChecksumSHA256 === undefined || ChecksumSHA256.includes('-')) return undefined
  const digest = createHash('sha256')
  return { update: (chunk) => void digest.update(chunk), matches: () => digest.digest('base64') === ChecksumSHA256 }
}

interface StoredChecksums {
  readonly ChecksumCRC32?: string | undefined
  readonly ChecksumSHA256?: string | undefined
}

/** A SHA-256 in hex as S3's header has it. */
export function toSha256(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

/** SHA-256 of a whole blob in hex; undefined for none, and for one of digests of parts. */
function fromSha256(header: string | undefined): string | undefined {
  return header === undefined || header.includes('-') ? undefined : Buffer.from(header, 'base64').toString('hex')
}

/** The part of a `HeadObject` or `GetObject` answer that describes the blob. */
export interface ObjectHeaders {
  readonly ETag?: string | undefined
  readonly LastModified?: Date | undefined
  readonly ContentType?: string | undefined
  readonly ContentEncoding?: string | undefined
  readonly ContentLanguage?: string | undefined
  readonly ContentDisposition?: string | undefined
  readonly CacheControl?: string | undefined
  readonly Metadata?: Record<string, string> | undefined
  readonly ChecksumSHA256?: string | undefined
}

export function toInfo(key: string, sizeBytes: number, object: ObjectHeaders): BlobInfo {
  const sha256 = fromSha256(object.ChecksumSHA256)
  return {
    key,
    sizeBytes,
    etag: toEtag(object.ETag),
    modifiedAt: object.LastModified ?? new Date(0),
    ...toAttributes(object),
    ...(sha256 === undefined ? {} : { sha256 }),
  }
}

/** The attributes of an object that is there. */
export function toAttributes(object: ObjectHeaders): BlobAttributes {
  return {
    contentType: object.ContentType ?? 'application/octet-stream',
    ...given('contentEncoding', withoutChunks(object.ContentEncoding)),
    ...given('contentLanguage', object.ContentLanguage),
    ...given('contentDisposition', object.ContentDisposition),
    ...given('cacheControl', object.CacheControl),
    metadata: decodeMetadata(object.Metadata ?? {}),
  }
}

/** Attributes as the fields of a write. @throws RangeError where the metadata is too large in the form that S3 stores */
export function fromAttributes(attributes: BlobAttributes): {
  readonly ContentType: string
  readonly ContentEncoding?: string
  readonly ContentLanguage?: string
  readonly ContentDisposition?: string
  readonly CacheControl?: string
  readonly Metadata?: Record<string, string>
} {
  const Metadata = encodeMetadata(attributes.metadata)
  return {
    ContentType: attributes.contentType,
    ...given('ContentEncoding', attributes.contentEncoding),
    ...given('ContentLanguage', attributes.contentLanguage),
    ...given('ContentDisposition', attributes.contentDisposition),
    ...given('CacheControl', attributes.cacheControl),
    ...(Metadata === undefined ? {} : { Metadata }),
  }
}

/** Names that travel as they are. Others are legal in HTTP, too, but proxies, signers and objects in JavaScript trip over them. */
const PLAIN_NAME = /^(?!pv-x-)(?!__proto__$)[a-z0-9._-]+$/
/** Values that travel as they are: visible ASCII and single spaces inside, nothing that could be taken for an escape. */
const PLAIN_VALUE = /^(?!.* {2})(?!.*=\?)[!-$&-~](?:[ -$&-~]*[!-$&-~])?$/

/**
 * S3 takes US-ASCII alone in user metadata. A value that is no plain text goes percent-encoded or as an encoded word of RFC 2047
 * (`=?UTF-8?B?…?=`), whichever is shorter; both forms are read, so that what other tools wrote is understood.
 */
function encodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const names = Object.keys(metadata)
  if (names.length === 0) return undefined
  const encoded: Record<string, string> = {}
  let bytes = 0
  for (const name of names) {
    const wireName = PLAIN_NAME.test(name) ? name : `pv-x-${Buffer.from(name).toString('hex')}`
    const value = encodeValue(metadata[name]!)
    encoded[wireName] = value
    bytes += wireName.length + value.length
  }
  if (bytes > MAX_METADATA_BYTES) throw new RangeError(`it takes ${bytes} bytes as S3 stores it, and at most ${MAX_METADATA_BYTES} fit`)
  return encoded
}

function encodeValue(value: string): string {
  if (PLAIN_VALUE.test(value)) return value
  const word = `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`
  const percent = encodeURIComponent(value).replace(/%(?:2[0-46-9A-F]|3[A-F]|40|5[B-E]|60|7[B-D])/g, readable)
  return value === '' || word.length <= percent.length || !PERCENT_VALUE.test(percent) ? word : percent
}

/** Percent-encoded, and for the rest as plain as {@link PLAIN_VALUE}. */
const PERCENT_VALUE = /^(?!.* {2})(?!.*=\?)[!-~](?:[ -~]*[!-~])?$/

/** Marks of ASCII that need no escape inside a value. */
function readable(escape: string): string {
  return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
}

function decodeMetadata(stored: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [
      /^pv-x-(?:[0-9a-f]{2})+$/.test(name) ? Buffer.from(name.slice(5), 'hex').toString('utf8') : name,
      decodeValue(value),
    ]),
  )
}

function decodeValue(value: string): string {
  const word = /^=\?UTF-8\?B\?([A-Za-z0-9+/=]*)\?=$/i.exec(value)
  if (word !== null) return Buffer.from(word[1]!, 'base64').toString('utf8')
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value // another tool's value with a percent sign that escapes nothing
  }
}

/** `aws-chunked` is how a body travelled, not what it is; some stores keep it. */
function withoutChunks(encoding: string | undefined): string | undefined {
  const rest = encoding
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== 'aws-chunked')
  return rest === undefined || rest.length === 0 ? undefined : rest.join(', ')
}

/** A name in a listing that was asked for with `encoding-type=url`: S3 writes a space as `+` or `%20`. */
export function fromListedName(name: string, encoded: boolean): string {
  return encoded ? decodeURIComponent(name.replaceAll('+', '%20')) : name
}

/** Merges what a page has in two lists, each sorted, into UTF-8 byte order. */
export function inByteOrder(entries: readonly BlobEntry[]): readonly BlobEntry[] {
  const nameOf = (entry: BlobEntry): string => (entry.kind === 'blob' ? entry.key : entry.prefix)
  return [...entries].sort((one, other) => Buffer.compare(Buffer.from(nameOf(one)), Buffer.from(nameOf(other))))
}

/** Source of a copy: bucket and name, percent-encoded but for the slashes. */
export function toCopySource(bucket: string, name: string): string {
  return `${bucket}/${encodeURIComponent(name).replaceAll('%2F', '/')}`
}

// oxlint-disable-next-line no-control-regex -- they are what XML 1.0 cannot carry, or what its readers turn into something else
const NOT_IN_XML = /[\u0001-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/

/** May a name stand in the XML of a bulk delete, and be found again in its answer? */
export function fitsXml(name: string): boolean {
  return !NOT_IN_XML.test(name)
}

function given<Field extends string>(field: Field, value: string | undefined): { [F in Field]?: string } {
  return (value === undefined || value === '' ? {} : { [field]: value }) as { [F in Field]?: string }
}
