import { invalid, type PortErrorDetails } from '../errors.js'
import type { BlobRange, Etag, WriteCondition } from './types.js'

/** @throws INVALID_ARGUMENT unless it is `{ create: true }` or `{ replace: etag }` */
export function checkCondition(condition: WriteCondition, place: PortErrorDetails): WriteCondition {
  const mend = 'give { create: true } or { replace: etag }'
  if (typeof condition !== 'object' || condition === null) throw invalid('if', condition, mend, place)
  const { create, replace } = condition as { create?: unknown; replace?: unknown }
  if (create === true && replace === undefined) return { create: true }
  if (create === undefined && replace !== undefined) return { replace: checkEtag('if.replace', replace, place) }
  throw invalid('if', condition, mend, place)
}

/** @throws INVALID_ARGUMENT */
export function checkEtag(field: string, etag: unknown, place: PortErrorDetails): Etag {
  if (typeof etag === 'string' && etag !== '' && etag.length <= 1_024 && /^[\x21-\x7e]+$/.test(etag)) return etag
  throw invalid(field, etag, 'give the etag of a BlobInfo', place)
}

/** @throws INVALID_ARGUMENT */
export function checkDate(field: string, date: unknown, place: PortErrorDetails): Date {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date
  throw invalid(field, date, 'give a valid Date', place)
}

/** @throws INVALID_ARGUMENT */
export function checkRange(range: BlobRange, place: PortErrorDetails): BlobRange {
  const mend = 'give { offset, length? } or { suffix }, whole numbers of bytes from 0'
  if (typeof range !== 'object' || range === null) throw invalid('range', range, mend, place)
  const { offset, length, suffix } = range as { offset?: unknown; length?: unknown; suffix?: unknown }
  if (suffix !== undefined && offset === undefined && length === undefined) return { suffix: wholeBytes('range.suffix', suffix, place) }
  if (suffix !== undefined || offset === undefined) throw invalid('range', range, mend, place)
  return {
    offset: wholeBytes('range.offset', offset, place),
    ...(length === undefined ? {} : { length: wholeBytes('range.length', length, place) }),
  }
}

/**
 * The bytes that a range means in a blob of `sizeBytes`: its end clipped to the blob's [B75], a suffix longer than the
 * blob = all of it [B73]. undefined = not satisfiable: it starts at or after the end; a length of 0 may start at the
 * end, and on an empty blob only a range without a start (a suffix) is good [B74].
 */
export function resolveRange(
  range: BlobRange | undefined,
  sizeBytes: number,
): { readonly offset: number; readonly length: number } | undefined {
  if (range === undefined) return { offset: 0, length: sizeBytes }
  if ('suffix' in range) {
    const length = Math.min(range.suffix, sizeBytes)
    return { offset: sizeBytes - length, length }
  }
  const { offset, length = Number.POSITIVE_INFINITY } = range
  if (offset > sizeBytes || (offset === sizeBytes && length > 0)) return undefined
  return { offset, length: Math.min(length, sizeBytes - offset) }
}

/** [B67] In whole seconds, as in HTTP, so that every adapter answers alike; true where no time is given. */
export function isModifiedSince(modifiedAt: Date, since: Date | undefined): boolean {
  return since === undefined || Math.floor(modifiedAt.getTime() / 1_000) > Math.floor(since.getTime() / 1_000)
}

function wholeBytes(field: string, value: unknown, place: PortErrorDetails): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw invalid(field, value, 'give a whole number of bytes from 0', place)
}
