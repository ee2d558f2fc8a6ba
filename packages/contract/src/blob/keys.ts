import assert from 'node:assert/strict'
import { type BlobStorage, MAX_KEY_BYTES } from '@pdvend/ports'
import { type BlobCase, type BlobSubject, byteOrder, namesOf, ownStore, readText, refused } from './kit.js'

const band = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCharCode(from + index)).join('')

/** What keys look like in the wild, and eight bands of ASCII; `/` alone stands in a key of its own. */
const odd: readonly (readonly [title: string, key: string])[] = [
  ['slashes at the beginning and at the end', '/begins/and/ends/'],
  ['repeated slashes', 'a///b//c'],
  ['dots that are no segment of their own', 'a../..b/...c/.hidden'],
  ['backslashes', 'a\\b\\..\\c'],
  ['quotes', `"double" 'single' \`back\``],
  ['spaces, also at the ends', '  two  spaces '],
  ['a digit at the beginning', '0123'],
  ['emoji, accents and scripts', 'café/日本語/👩‍🌾.png'],
  ['percent signs that look encoded', '%2e%2e/%2F/100%/%zz/+plus+='],
  ['full-width dots and slashes', '．．/／a／b'],
  ['control characters below the space', `c${band(0x01, 0x1f)}`],
  ['ASCII from space to slash', ` !"#$%&'()*+,-x./x`],
  ['digits', band(0x30, 0x39)],
  ['ASCII from colon to at', band(0x3a, 0x40)],
  ['capital letters', band(0x41, 0x5a)],
  ['ASCII from bracket to grave', band(0x5b, 0x60)],
  ['small letters', band(0x61, 0x7a)],
  ['ASCII from brace to delete', band(0x7b, 0x7f)],
]

export const keys: readonly BlobCase[] = [
  ...odd.map(([title, key], index): BlobCase => ({
    id: `B${15 + index}`,
    title: `an odd key goes through put, get, head, list, copy, delete: ${title}`,
    run: (subject) => roundTrip(subject, key),
  })),
  {
    id: 'B33',
    title: 'a key that is no valid UTF-8, or holds NUL, is refused before any I/O',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const key of ['\ud800', 'a\udc00b', 'nul\0inside']) await refusedEverywhere(blobs, key)
    },
  },
  {
    id: 'B34',
    title: 'an empty key, or one that is no text, is refused',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const key of ['', undefined, null, 7, {}]) await refusedEverywhere(blobs, key as string)
    },
  },
  {
    id: 'B35',
    title: 'a key of 1,024 bytes is accepted, one of 1,025 refused',
    async run(subject) {
      const blobs = await ownStore(subject)
      const room = MAX_KEY_BYTES - Buffer.byteLength(`${subject.run}/`)
      for (const longest of ['x'.repeat(room), 'é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2)]) {
        await blobs.put(longest, 'long')
        assert.equal(await readText(blobs, longest), 'long')
        assert.ok((await namesOf(blobs.list())).includes(longest))
        await refusedEverywhere(blobs, `${longest}x`)
      }
    },
  },
  distinct('B36', '"a//b" and "a/b" are two blobs', ['a//b', 'a/b', 'a///b']),
  distinct('B37', '"dir" and "dir/" are two blobs', ['dir', 'dir/', 'dir//']),
  distinct('B38', '"p" and "p/q" live side by side', ['p', 'p/q', 'p/q/r']),
  distinct('B39', 'composed and decomposed accents are two blobs', ['é'.normalize('NFC'), 'é'.normalize('NFD'), 'ﬁ', 'fi']),
  distinct('B40', 'upper and lower case are two blobs', ['Nota.XML', 'nota.xml', 'NOTA.XML', 'İ', 'i', 'I', 'ı']),
  {
    id: 'B41',
    title: 'no key leaves its root or its scope',
    async run(subject) {
      const root = await subject.open()
      const tenant = root.scope(`${subject.run}/t1`)
      const other = root.scope(`${subject.run}/t10`)
      await other.put('secret', 'of t10')
      for (const key of ['..', '.', '../t10/secret', 'a/../../t10/secret', './a', 'a/.', 'a/..']) await refusedEverywhere(tenant, key)
      for (const key of [
        '/etc/passwd',
        'C:\\Windows\\win.ini',
        '..\\t10\\secret',
        '0/secret',
        '%2e%2e/t10/secret',
        '…/x',
        '//host/share',
      ]) {
        await tenant.put(key, 'inside')
        assert.equal(await readText(tenant, key), 'inside')
        assert.equal(await readText(root, `${subject.run}/t1/${key}`), 'inside')
      }
      assert.equal(await readText(other, 'secret'), 'of t10')
      assert.deepEqual(await namesOf(other.list()), ['secret'])
      assert.deepEqual(await namesOf(tenant.list({ prefix: '0' })), ['0/secret'])
      for (const prefix of ['', '..', 'a/../b', '/', '\0']) assert.throws(() => tenant.scope(prefix), { code: 'INVALID_ARGUMENT' })
      const nested = tenant.scope('inner')
      await nested.put('k', 'nested')
      assert.equal(await readText(tenant, 'inner/k'), 'nested')
      const error = await refused(nested.get('none'), 'NOT_FOUND')
      assert.equal(error.target, 'none')
    },
  },
  distinct('B42', 'names that look like temporary or sidecar files are ordinary keys', [
    '.tmp',
    '.pdvend',
    'blob.db',
    'blob.db-wal',
    'signing.key',
    'x.meta.json',
    'x$',
    'x~',
    '__proto__',
    'constructor',
    'CON',
    'nul.txt',
    'a:b',
  ]),
]

async function roundTrip(subject: BlobSubject, key: string): Promise<void> {
  const blobs = await ownStore(subject)
  const info = await blobs.put(key, 'body')
  assert.equal(info.key, key)
  await using reader = await blobs.get(key)
  assert.equal(reader.info.key, key)
  assert.equal(await reader.text(), 'body')
  assert.equal((await blobs.head(key)).key, key)
  assert.deepEqual(await namesOf(blobs.list()), [key])
  assert.deepEqual(await namesOf(blobs.list({ prefix: key })), [key])
  const copy = await blobs.copy(key, `${key}2`)
  assert.equal(copy.key, `${key}2`)
  assert.equal(await readText(blobs, `${key}2`), 'body')
  if (blobs.capabilities.signedUrls) {
    const { url } = await blobs.sign.get(key)
    assert.equal(await (await fetch(url)).text(), 'body')
  }
  await blobs.delete(key)
  assert.deepEqual(await namesOf(blobs.list()), [`${key}2`])
}

async function refusedEverywhere(blobs: BlobStorage, key: string): Promise<void> {
  for (const call of [
    () => blobs.put(key, 'x'),
    () => blobs.get(key),
    () => blobs.head(key),
    () => blobs.exists(key),
    () => blobs.delete(key),
    () => blobs.copy(key, 'to'),
    () => blobs.copy('from', key),
    () => blobs.update(key, async () => 'x'),
  ])
    await refused(call(), 'INVALID_ARGUMENT')
}

function distinct(id: string, title: string, names: readonly string[]): BlobCase {
  return {
    id,
    title,
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const name of names) await blobs.put(name, `body of ${name}`)
      for (const name of names) assert.equal(await readText(blobs, name), `body of ${name}`)
      assert.deepEqual(await namesOf(blobs.list()), [...names].sort(byteOrder))
      const [first, ...rest] = names
      await blobs.delete(first!)
      for (const name of rest) assert.equal(await readText(blobs, name), `body of ${name}`)
    },
  }
}
