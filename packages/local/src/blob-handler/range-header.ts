import type { BlobRange } from '@pdvend/ports'

/**
 * A `Range` header as the port's range; undefined where the whole is to be sent: no header, another unit, several ranges
 * or nonsense, all of which RFC 9110 §14.2 lets a server ignore.
 */
export function parseRange(header: string | undefined): BlobRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? undefined : { suffix: Number(last) }
  if (last === '') return { offset: Number(first) }
  const length = Number(last) - Number(first) + 1
  return length < 1 ? undefined : { offset: Number(first), length }
}

/** The etags of `If-Match` and `If-None-Match`: `*` or a list, weak ones compared like strong ones. */
export function parseEtags(header: string | undefined): readonly string[] {
  return Array.from((header ?? '').matchAll(/\*|(?:W\/)?"([^"]*)"/g), ([all, tag]) => tag ?? all)
}
