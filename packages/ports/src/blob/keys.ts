import { invalid, type PortErrorDetails } from '../errors.js'

/** Longest key in bytes of UTF-8, a scope's prefix included. */
export const MAX_KEY_BYTES = 1_024

/** Length of a text in bytes of UTF-8. */
export function utf8Length(text: string): number {
  // Buffer counts without making the bytes.
  return Buffer.byteLength(text, 'utf8')
}

/**
 * Refuses what cannot be a key on every adapter, and gives back the rest as it is: nothing is trimmed, folded or
 * normalised, so keys that differ in one byte stay two blobs [B36–B40].
 *
 * Refused: no text [B34], a lone surrogate [B33], above 1,024 bytes with the scope's prefix [B35], NUL (XML and C
 * interfaces of the stores cut or refuse it), a segment that is exactly `.` or `..` (URL clients resolve it away before
 * the store sees it) [B41]. Everything else is an ordinary key: `%2e%2e`, full-width dots, backslashes, other controls.
 *
 * @throws INVALID_ARGUMENT
 */
export function checkKey(key: unknown, prefix = '', field = 'key', place: PortErrorDetails = {}): string {
  if (typeof key !== 'string') throw invalid(field, key, 'give a string', place)
  if (key === '') throw invalid(field, key, 'give a key of 1 to 1,024 bytes', place)
  checkText(key, field, place)
  const bytes = utf8Length(prefix) + utf8Length(key)
  if (bytes > MAX_KEY_BYTES)
    throw invalid(field, key, `it has ${bytes} bytes of UTF-8${prefix === '' ? '' : " with its scope's prefix"}; at most 1,024 fit`, place)
  if (hasDotSegment(key)) throw invalid(field, key, 'a segment "." or ".." is not allowed: name the blob without it', place)
  return key
}

/** A listing's prefix, delimiter or start: any text that could be part of a key. @throws INVALID_ARGUMENT */
export function checkKeyPart(text: unknown, prefix: string, field: string, place: PortErrorDetails = {}): string {
  if (typeof text !== 'string') throw invalid(field, text, 'give a string', place)
  checkText(text, field, place)
  const bytes = utf8Length(prefix) + utf8Length(text)
  if (bytes > MAX_KEY_BYTES) throw invalid(field, text, `it has ${bytes} bytes of UTF-8; at most 1,024 can match a key`, place)
  return text
}

/**
 * A scope's prefix, ending in one `/`: so that the scope `t1` is never the beginning of `t10`. An empty one is refused,
 * since a tenant's name that is missing must not open the whole store. @throws INVALID_ARGUMENT
 */
export function checkScope(scope: unknown, prefix: string, place: PortErrorDetails = {}): string {
  const checked = checkKey(scope, prefix, 'prefix', place)
  const closed = checked.endsWith('/') ? checked : `${checked}/`
  if (closed.startsWith('/')) throw invalid('prefix', scope, 'a scope may not begin with "/"', place)
  if (utf8Length(prefix) + utf8Length(closed) >= MAX_KEY_BYTES)
    throw invalid('prefix', scope, 'it leaves no room for a key of 1 byte within 1,024 bytes', place)
  return closed
}

function checkText(text: string, field: string, place: PortErrorDetails): void {
  if (!text.isWellFormed()) throw invalid(field, text, 'it holds a lone surrogate and is no valid UTF-8', place)
  if (text.includes('\0')) throw invalid(field, text, 'the character NUL (U+0000) is not allowed', place)
}

function hasDotSegment(key: string): boolean {
  if (!key.includes('.')) return false
  return key.split('/').some((segment) => segment === '.' || segment === '..')
}
