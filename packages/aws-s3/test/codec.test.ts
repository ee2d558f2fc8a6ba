import { describe, expect, test } from '@jest/globals'
import {
  fitsXml,
  fromAttributes,
  fromContentRange,
  fromListedName,
  inByteOrder,
  toAttributes,
  toCheck,
  toCopySource,
  toCrc32,
  toEtag,
  toRange,
} from '../src/codec.js'

const stored = (metadata: Record<string, string>): Record<string, string> =>
  fromAttributes({ contentType: 'text/plain', metadata }).Metadata ?? {}
const back = (Metadata: Record<string, string>): Record<string, string> => ({ ...toAttributes({ Metadata }).metadata })

describe('metadata', () => {
  const odd = {
    plain: 'till-07, shelf (2)',
    accents: 'ação',
    japanese: '日本語のメモ',
    emoji: '👩‍🌾',
    empty: '',
    spaces: '  at both ends  ',
    inner: 'two  spaces',
    percent: '100%25 done',
    word: '=?UTF-8?B?eA==?=',
    "!#$%&'*+.^_`|~-": 'every mark of a token',
    'pv-x-61': 'looks like an escaped name',
    constructor: 'no function',
  }

  test('comes back as it was, and travels as visible ASCII', () => {
    const wire = stored(odd)
    for (const [name, value] of Object.entries(wire)) {
      expect(name).toMatch(/^[a-z0-9._-]+$/)
      expect(value).toMatch(/^[!-~]([ -~]*[!-~])?$/)
      expect(value).not.toMatch(/ {2}/)
    }
    expect(back(wire)).toEqual(odd)
  })

  test('a name that would change an object in JavaScript goes escaped, too', () => {
    const wire = stored(Object.fromEntries([['__proto__', 'x']]))
    expect(Object.keys(wire)).toEqual([`pv-x-${Buffer.from('__proto__').toString('hex')}`])
    expect(Object.entries(toAttributes({ Metadata: wire }).metadata)).toEqual([['__proto__', 'x']])
  })

  test('takes the shorter of two escapes, and leaves plain text alone', () => {
    expect(stored({ a: 'ação do dia na loja de baixo' })).toEqual({ a: 'a%C3%A7%C3%A3o do dia na loja de baixo' })
    expect(stored({ a: '日本語' }).a).toBe(`=?UTF-8?B?${Buffer.from('日本語').toString('base64')}?=`)
    expect(stored({ a: 'x=1; y="2"' })).toEqual({ a: 'x=1; y="2"' })
  })

  test("reads other tools' values as they are", () => {
    expect(back({ a: '100% sure', b: '=?utf-8?b?w6c=?=', c: 'a%20b' })).toEqual({ a: '100% sure', b: 'ç', c: 'a b' })
  })

  test('is refused where S3 would refuse it: by its size as it is stored', () => {
    expect(() => stored({ a: 'x'.repeat(2_047) })).not.toThrow()
    expect(() => stored({ a: 'ç'.repeat(1_000) })).toThrow(RangeError)
  })
})

test('a range is inclusive on the wire, and read back from Content-Range', () => {
  expect(toRange({ offset: 5, length: 2 })).toBe('bytes=5-6')
  expect(toRange({ offset: 5 })).toBe('bytes=5-')
  expect(toRange({ suffix: 3 })).toBe('bytes=-3')
  expect(fromContentRange('bytes 5-6/100')).toEqual({ offset: 5, length: 2, sizeBytes: 100 })
  for (const none of [undefined, '', 'bytes 0--1/0', 'bytes */9']) expect(fromContentRange(none)).toBeUndefined()
})

test('etags have no quotes, aws-chunked is no encoding of the blob', () => {
  expect(toEtag('"9dd4-2"')).toBe('9dd4-2')
  expect(toAttributes({ ContentEncoding: 'gzip,aws-chunked' }).contentEncoding).toBe('gzip')
  expect(toAttributes({ ContentEncoding: 'aws-chunked' })).toEqual({ contentType: 'application/octet-stream', metadata: {} })
})

test('a checksum of the whole is checked, one of parts cannot be', () => {
  expect(toCrc32(0x8cdc1683)).toBe('jNwWgw==')
  const check = toCheck({ ChecksumCRC32: 'jNwWgw==' })!
  check.update(Buffer.from('x'))
  expect(check.matches()).toBe(true)
  check.update(Buffer.from('y'))
  expect(check.matches()).toBe(false)
  const digest = toCheck({ ChecksumSHA256: 'LXEWQrcmsEQBYnypxMVphw2w4Yh0mWWsyNd8jvHo8QY=' })!
  digest.update(Buffer.from('x'))
  expect(digest.matches()).toBe(false)
  for (const none of [{}, { ChecksumCRC32: 'l95Qkg==-2' }]) expect(toCheck(none)).toBeUndefined()
})

test('listed names are decoded only where they are encoded, and sort by their bytes', () => {
  expect(fromListedName('a+b%20%2B%25', true)).toBe('a b +%')
  expect(fromListedName('a+b%20', false)).toBe('a+b%20')
  const blob = (key: string) => ({ kind: 'blob', key, sizeBytes: 0, etag: 'e', modifiedAt: new Date(0) }) as const
  const sorted = inByteOrder([blob('😀'), blob('\uffee'), { kind: 'prefix', prefix: 'a/' }, blob('a.b'), blob('a0')])
  expect(sorted.map((entry) => (entry.kind === 'blob' ? entry.key : entry.prefix))).toEqual(['a.b', 'a/', 'a0', '\uffee', '😀'])
})

test('a copy source keeps its slashes, everything else is encoded', () => {
  expect(toCopySource('b', 'a//ç +?.xml')).toBe('b/a//%C3%A7%20%2B%3F.xml')
})

test('what XML cannot carry, or changes, is no part of a bulk delete', () => {
  for (const key of ['\x01', 'a\r\nb', '\t', '\x7f', '\u2028', '\ufffe']) expect(fitsXml(key)).toBe(false)
  for (const key of ['<&>', ']]>', 'ç', '😀', ' ']) expect(fitsXml(key)).toBe(true)
})
