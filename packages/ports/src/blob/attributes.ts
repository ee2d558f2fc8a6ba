import { invalid, type PortErrorDetails, shapeOf } from '../errors.js'
import type { AttributeOptions } from './options.js'
import { utf8Length } from './keys.js'
import type { BlobAttributes } from './types.js'

/** User metadata in bytes of UTF-8, names and values together, where the engine says nothing else: what S3 takes. */
export const DEFAULT_MAX_METADATA_BYTES = 2_048

/** Longest content type and the like, in characters. */
const MAX_HEADER = 1_024

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** RFC 9110 §8.3.1: type "/" subtype, then parameters. */
const CONTENT_TYPE = new RegExp(
  `^${TOKEN}/${TOKEN}(?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t \\x21-\\x7e])*"))*$`,
)
const METADATA_NAME = new RegExp(`^${TOKEN}$`)
// oxlint-disable-next-line no-control-regex -- control characters are what must not pass
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * Checks what travels beside the bytes and gives it the one form that drivers get: metadata names in lower case, a copy
 * that nobody else holds [B102].
 * @throws INVALID_ARGUMENT for a content type that is none [B91], names that are no HTTP tokens or differ only in case
 * [B92], control characters (so no CR LF), non-ASCII headers, or metadata above `maxMetadataBytes` [B93]
 */
export function checkAttributes(
  given: AttributeOptions,
  fallbackType: () => string,
  maxMetadataBytes: number,
  place: PortErrorDetails = {},
): BlobAttributes {
  return {
    contentType: given.contentType === undefined ? fallbackType() : checkContentType(given.contentType, place),
    ...header('contentEncoding', given.contentEncoding, place),
    ...header('contentLanguage', given.contentLanguage, place),
    ...header('contentDisposition', given.contentDisposition, place),
    ...header('cacheControl', given.cacheControl, place),
    metadata: checkMetadata(given.metadata ?? {}, maxMetadataBytes, place),
  }
}

/** The attributes alone, out of what holds more; one that is not set stays absent. */
export function attributesOf(from: BlobAttributes): BlobAttributes {
  const { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl, metadata } = from
  return {
    contentType,
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(contentLanguage === undefined ? {} : { contentLanguage }),
    ...(contentDisposition === undefined ? {} : { contentDisposition }),
    ...(cacheControl === undefined ? {} : { cacheControl }),
    metadata,
  }
}

/** @throws INVALID_ARGUMENT [B91] */
export function checkContentType(contentType: unknown, place: PortErrorDetails = {}): string {
  if (typeof contentType === 'string' && contentType.length <= MAX_HEADER && CONTENT_TYPE.test(contentType)) return contentType
  throw invalid('contentType', contentType, 'give a media type such as "image/png" or "text/plain; charset=utf-8"', place)
}

/** A header value of printable ASCII. @throws INVALID_ARGUMENT */
export function checkHeader(field: string, value: unknown, place: PortErrorDetails = {}): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_HEADER && /^[\x20-\x7e]+$/.test(value) && value.trim() === value)
    return value
  const mend =
    "give 1 to 1,024 characters of printable ASCII without space at the ends (a file name with accents goes as filename*=UTF-8''...)"
  throw invalid(field, value, mend, place)
}

function header<Field extends string>(field: Field, value: unknown, place: PortErrorDetails): { [F in Field]?: string } {
  return (value === undefined ? {} : { [field]: checkHeader(field, value, place) }) as { [F in Field]?: string }
}

function checkMetadata(metadata: unknown, maxBytes: number, place: PortErrorDetails): Readonly<Record<string, string>> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw invalid('metadata', metadata, 'give an object of strings', place)
  const checked = new Map<string, string>()
  let bytes = 0
  for (const [name, value] of Object.entries(metadata) as [string, unknown][]) {
    const field = `metadata[${shapeOf(name)}]`
    if (!METADATA_NAME.test(name)) throw invalid('metadata', name, "a name has only letters A-Z, digits and !#$%&'*+.^_`|~-", place)
    if (typeof value !== 'string') throw invalid(field, value, 'give a string', place)
    if (CONTROL.test(value) || !value.isWellFormed())
      throw invalid(field, value, 'leave out control characters (CR and LF among them) and lone surrogates', place)
    const lower = name.toLowerCase()
    if (checked.has(lower))
      throw invalid('metadata', name, 'another name differs from it only in case: names are kept in lower case', place)
    checked.set(lower, value)
    bytes += lower.length + utf8Length(value)
  }
  if (bytes > maxBytes)
    throw invalid('metadata', metadata, `names and values have ${bytes} bytes; at most ${maxBytes} fit on this adapter`, place)
  return Object.fromEntries(checked)
}
