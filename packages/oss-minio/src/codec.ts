import type { BlobAttributes, BlobInfo } from '@pdvend/ports'
import { invalid } from '@pdvend/ports'

type Answered = Readonly<Record<string, string | string[] | undefined>>

/** S3 counts names with their prefix and values as they are sent; some stores answer more with an error that names nothing. */
const MAX_METADATA_BYTES = 2_048

const METADATA = 'x-amz-meta-'

/** The rest of a name that was cut, see `names.ts`; hidden from apps. */
const TAIL = `${METADATA}pdvend-tail`

const HEADERS = [
  ['contentEncoding', 'content-encoding'],
  ['contentLanguage', 'content-language'],
  ['contentDisposition', 'content-disposition'],
  ['cacheControl', 'cache-control'],
] as const

/** Attributes as headers of a write. @throws INVALID_ARGUMENT when the metadata is too large as it is stored [B93] */
export function toHeaders(attributes: BlobAttributes, tail: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': attributes.contentType }
  for (const [field, name] of HEADERS) {
    const value = attributes[field]
    if (value !== undefined) headers[name] = value
  }
  let bytes = 0
  const add = (name: string, value: string): void => {
    headers[name] = value
    bytes += name.length + value.length
  }
  for (const name in attributes.metadata) add(METADATA + name, encodeValue(attributes.metadata[name]!))
  for (const [name, value] of Object.entries(tailHeader(tail))) add(name, value)
  if (bytes > MAX_METADATA_BYTES)
    throw invalid(
      'metadata',
      attributes.metadata,
      `it has ${bytes} bytes as it is stored, encoded and with its names; at most ${MAX_METADATA_BYTES} fit`,
    )
  return headers
}

/** The info that an answer's headers give; `sizeBytes` where the answer is not the whole blob's. */
export function toInfo(key: string, headers: Answered, sizeBytes: number): BlobInfo {
  return {
    key,
    sizeBytes,
    etag: bareEtag(header(headers, 'etag') ?? ''),
    modifiedAt: new Date(header(headers, 'last-modified') ?? 0),
    ...toAttributes(headers),
    ...toSha256(headers),
  }
}

export function toAttributes(headers: Answered): BlobAttributes {
  const metadata: [string, string][] = []
  const attributes: Record<string, unknown> = { contentType: header(headers, 'content-type') ?? 'application/octet-stream' }
  for (const [field, name] of HEADERS) {
    const value = header(headers, name)
    if (value !== undefined && value !== '') attributes[field] = value
  }
  for (const name in headers)
    if (name.startsWith(METADATA) && name !== TAIL) metadata.push([name.slice(METADATA.length), decodeValue(header(headers, name)!)])
  // Names such as __proto__ become fields of their own.
  return { ...attributes, metadata: Object.fromEntries(metadata) } as unknown as BlobAttributes
}

/** What a blob with a cut name brings along. */
export function tailHeader(tail: string | undefined): Record<string, string> {
  return tail === undefined ? {} : { [TAIL]: Buffer.from(tail).toString('base64url') }
}

/** The tail of a cut name; undefined where the blob has none. */
export function toTail(headers: Answered): string | undefined {
  const tail = header(headers, TAIL)
  return tail === undefined ? undefined : Buffer.from(tail, 'base64url').toString('utf8')
}

/** SHA-256 of the whole body as the store keeps it: not that of a multipart upload, which is one over its parts. */
function toSha256(headers: Answered): { readonly sha256?: string } {
  const digest = header(headers, 'x-amz-checksum-sha256')
  return digest === undefined || digest.includes('-') ? {} : { sha256: Buffer.from(digest, 'base64').toString('hex') }
}

/** Without the quotes: listings, headers and documents then agree. */
export function bareEtag(etag: string): string {
  return etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag
}

export function quotedEtag(etag: string): string {
  return `"${etag}"`
}

export function header(headers: Answered, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** CRC-32 as S3 writes it: big-endian, base64. */
export function crcText(crc: number): string {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(crc >>> 0)
  return bytes.toString('base64')
}

/** Plain ASCII stays as it is; everything else is an encoded word (RFC 2047), as S3's own answers have it. */
function encodeValue(value: string): string {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.includes('  ') && !value.includes('=?')
    ? value
    : `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`
}

/** Also what other tools wrote: several words, and Q for B. */
function decodeValue(value: string): string {
  if (!value.includes('=?')) return value
  const words = value.replace(/\?=\s+=\?/g, '?==?')
  return words.replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
    kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64').toString('utf8') : unquoted(text),
  )
}

function unquoted(text: string): string {
  const bytes = text.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
