import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { CANARY, Shop } from './shop.js'

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.blobs.put('before', 'kept', { metadata: { note: 'kept' } })
})
afterAll(async () => {
  expect(await (await shop.blobs.get('before')).text()).toBe('kept')
  expect(shop.record.leaks(CANARY)).toEqual([])
  await shop.close()
})

const refused: readonly (readonly [string, unknown])[] = [
  ['..', '..'],
  ['a leading ..', '../outside'],
  ['.. in the middle', 'a/../../outside'],
  ['.. at the end', 'a/..'],
  ['.', 'a/./b'],
  ['NUL', 'a\0b'],
  ['NUL before ..', '\0/../x'],
  ['a lone high surrogate', 'a\ud800b'],
  ['a lone low surrogate', '\udfff'],
  ['1,025 bytes', 'k'.repeat(1_025)],
  ['1,025 bytes of accents', `${'é'.repeat(512)}k`],
  ['a million characters', 'k'.repeat(1_000_000)],
  ['no characters', ''],
  ['undefined', undefined],
  ['a BigInt', 10n],
  ['a symbol', Symbol('key')],
  ['an object that prints as a key', { toString: () => 'key' }],
  ['an object that throws', { constructor: { name: { toString: 1 } } }],
  ['an object without a prototype', Object.create(null)],
]

describe('a key that no store may hold is refused, and told', () => {
  test.each(refused)('%s', async (_, key) => {
    const { blobs } = shop
    const bad = key as string
    const code = ['INVALID_ARGUMENT'] as const
    await shop.refusal(() => blobs.put(bad, 'x'), code, /key: got .+; /)
    await shop.refusal(() => blobs.get(bad), code, /key: got .+; /)
    await shop.refusal(() => blobs.head(bad), code, /key/)
    await shop.refusal(() => blobs.exists(bad), code, /key/)
    await shop.refusal(() => blobs.delete(bad), code, /key/)
    await shop.refusal(() => blobs.copy('before', bad), code, /to: got .+; /)
    await shop.refusal(() => blobs.copy(bad, 'copied'), code, /from: got .+; /)
    await shop.refusal(() => blobs.update(bad, async () => 'x'), code, /key/)
    await shop.refusal(() => blobs.sign.get(bad), code, /key/)
    await shop.refusal(() => blobs.sign.put(bad), code, /key/)
    await shop.refusal(() => blobs.sign.post(bad, { contentType: 'text/plain', minBytes: 0, maxBytes: 9 }), code, /key/)
    await shop.refusal(() => blobs.scope('tenant').put(bad, 'x'), code, /key/)
    for await (const outcome of blobs.deleteMany([bad])) expect(outcome.error?.code).toBe('INVALID_ARGUMENT')
  })
})

const stored: readonly string[] = [
  '%2e%2e',
  '%2e%2e/%2e%2e/etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%252e%252e%252f',
  '%00',
  '．．/．．/etc/passwd',
  '‥/‥',
  '。。/x',
  '..\\..\\windows',
  'C:\\con',
  'nul',
  '/etc/passwd',
  '//',
  '...',
  '.../x',
  '. ./x',
  '.. /x',
  '__proto__',
  'constructor',
  'a\r\nSet-Cookie: x=1',
  '\u202egnp.exe',
  '-rf',
  "'; DROP TABLE blobs; --",
  '%',
  '100%zz',
  'k'.repeat(1_024),
  'é'.repeat(512),
  '🧾'.repeat(256),
]

test('a key that only looks like a way out is a plain name: stored, read back, listed, and no file of that name', async () => {
  const { blobs } = shop
  const tenant = blobs.scope('plain')
  for (const [at, key] of stored.entries()) await blobs.put(key, `body ${at}`)
  for (const [at, key] of stored.entries()) expect(await (await blobs.get(key)).text()).toBe(`body ${at}`)
  const listed = new Set<string>()
  for await (const entry of blobs.list()) if (entry.kind === 'blob') listed.add(entry.key)
  expect(stored.filter((key) => !listed.has(key))).toEqual([])
  for await (const entry of tenant.list()) throw new Error(`the scope sees ${entry.kind}`)
  const names = readdirSync(shop.directory, { recursive: true }).map(String)
  expect(names.filter((name) => !/^[\w.-]+(?:\/[\w.-]+)*$/.test(name) || /passwd|con$|nul$/.test(name))).toEqual([])
  for (const key of stored) await blobs.delete(key)
})

test('large bodies under such keys are files of a random name', async () => {
  const { blobs } = shop
  const body = Buffer.alloc(100_000, 'recibo')
  for (const key of stored) await blobs.put(key, body)
  for (const key of stored) expect(Buffer.compare(await (await blobs.get(key)).bytes(), body)).toBe(0)
  const files = readdirSync(`${shop.directory}/blob`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(files.length).toBeGreaterThanOrEqual(stored.length)
  expect(files.map(({ name }) => name).filter((name) => !/^[0-9a-f]{32}$/.test(name))).toEqual([])
  for (const key of stored) await blobs.delete(key)
})

const word = fc.constantFrom('..', '.', '%2e%2e', '．．', '\0', '\ud800', '/', '\\', '\r\n', '__proto__', 'k'.repeat(1_000), 'é', '🧾', '')
const anyKey = fc.oneof(
  fc.array(fc.oneof(word, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 6 }).map((parts) => parts.join('')),
  fc.array(word, { maxLength: 5 }).map((parts) => parts.join('/')),
)

test('any text is refused as a key, or is stored in its scope alone and read back equal', async () => {
  const { blobs } = shop
  const tenant = blobs.scope('inquilino')
  await fc.assert(
    fc.asyncProperty(anyKey, async (key) => {
      const length = Buffer.byteLength(key)
      const segments = key.split('/')
      const fits = key !== '' && key.isWellFormed() && !key.includes('\0') && length + 'inquilino/'.length <= 1_024
      if (fits && !segments.includes('.') && !segments.includes('..')) {
        const { key: told } = await tenant.put(key, key)
        expect(told).toBe(key)
        expect(await (await blobs.get(`inquilino/${key}`)).text()).toBe(key)
        await tenant.delete(key)
      } else await shop.refusal(() => tenant.put(key, 'x'), ['INVALID_ARGUMENT'], /key: got /)
    }),
    { numRuns: 300 },
  )
})

const metadata: readonly (readonly [string, unknown, RegExp])[] = [
  ['CR LF in a value', { note: 'a\r\nSet-Cookie: x=1' }, /metadata\["note"\]: got .+control characters/],
  ['LF in a name', { 'a\nb': 'x' }, /metadata: got /],
  ['NUL in a value', { note: 'a\0b' }, /metadata\["note"\]/],
  ['a lone surrogate', { note: '\ud800' }, /metadata\["note"\].+lone surrogates/],
  ['a space in a name', { 'a b': 'x' }, /metadata: got "a b"/],
  ['2,049 bytes', { n: 'x'.repeat(2_048) }, /metadata.+2049 bytes; at most 2048/],
  ['a megabyte', { n: 'é'.repeat(500_000) }, /metadata.+bytes; at most 2048/],
  ['names that differ in case alone', { Note: 'a', note: 'b' }, /metadata: got "note"/],
  ['a number', { n: 5 }, /metadata\["n"\]: got number 5/],
  ['a BigInt', { n: 5n }, /metadata\["n"\]: got bigint 5/],
  ['an array', ['x'], /metadata: got an array of 1/],
  ['a text', 'x', /metadata: got "x"/],
]

describe('metadata that no store may hold is refused, and told', () => {
  test.each(metadata)('%s', async (_, given, words) => {
    const { blobs } = shop
    const bad = { metadata: given as { [name: string]: string } }
    await shop.refusal(() => blobs.put('metadata', 'x', bad), ['INVALID_ARGUMENT'], words)
    await shop.refusal(() => blobs.copy('before', 'metadata', { attributes: bad }), ['INVALID_ARGUMENT'], words)
    expect(await blobs.exists('metadata')).toBe(false)
  })
})

test.each([
  ['contentType', 'text/html\r\nx: y'],
  ['contentDisposition', 'attachment\r\nx: y'],
  ['cacheControl', 'no-store\n'],
  ['contentEncoding', 'gz\0ip'],
  ['contentLanguage', 'pt-BR\u2028'],
  ['contentType', 'x'.repeat(100_000)],
])('a header %s of %j is refused', async (field, value) => {
  await shop.refusal(() => shop.blobs.put('header', 'x', { [field]: value }), ['INVALID_ARGUMENT'], new RegExp(`${field}: got `))
  expect(await shop.blobs.exists('header')).toBe(false)
})

test('__proto__ in metadata is a name like any other and changes no object', async () => {
  const given = JSON.parse('{"__proto__":"own","constructor":"too"}') as { [name: string]: string }
  await shop.blobs.put('proto', 'x', { metadata: given })
  const { metadata: kept } = await shop.blobs.head('proto')
  expect(Object.entries(kept).sort()).toEqual(Object.entries(given).sort())
  expect(({} as { own?: unknown }).own).toBeUndefined()
})
