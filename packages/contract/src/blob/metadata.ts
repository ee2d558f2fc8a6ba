import assert from 'node:assert/strict'
import type { PutOptions } from '@pdvend/ports'
import { type BlobCase, ownStore, readText, refused } from './kit.js'

const full = {
  contentType: 'text/csv; charset=utf-8; header=present',
  contentEncoding: 'gzip',
  contentLanguage: 'pt-BR',
  contentDisposition: 'attachment; filename="nota 17.csv"; filename*=UTF-8\'\'nota%20%C3%A7.csv',
  cacheControl: 'public, max-age=3600',
} satisfies PutOptions

export const metadata: readonly BlobCase[] = [
  {
    id: 'B89',
    title: 'content type, encoding, language, disposition and cache control come back from put, head and get',
    async run(subject) {
      const blobs = await ownStore(subject)
      const put = await blobs.put('k', 'x', full)
      await using reader = await blobs.get('k')
      for (const [where, info] of Object.entries({ put, head: await blobs.head('k'), get: reader.info }))
        for (const [name, value] of Object.entries(full)) assert.equal(info[name as keyof typeof full], value, `${name} from ${where}`)
      const bare = await blobs.put('bare', 'x')
      for (const name of ['contentEncoding', 'contentLanguage', 'contentDisposition', 'cacheControl'] as const)
        assert.equal(bare[name], undefined)
    },
  },
  {
    id: 'B90',
    title: 'a type is found by extension or first bytes where none is given, never over a given one, and this can be turned off',
    async run(subject) {
      const blobs = await ownStore(subject)
      const typeOf = async (key: string, source: string | Uint8Array | Blob, options?: PutOptions) => {
        await blobs.put(key, source, options)
        return (await blobs.head(key)).contentType
      }
      const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0)
      assert.equal(await typeOf('a.png', 'x'), 'image/png')
      assert.equal(await typeOf('dir.pdf/A.JPEG', 'x'), 'image/jpeg')
      assert.equal(await typeOf('nota.xml', 'x'), 'application/xml')
      assert.equal(await typeOf('no-extension', png), 'image/png')
      assert.equal(await typeOf('no-extension', 'text'), 'text/plain; charset=utf-8')
      assert.equal(await typeOf('no-extension', new Blob(['x'], { type: 'text/csv' })), 'text/csv')
      assert.equal(await typeOf('unknown.zzz', new Uint8Array(8)), 'application/octet-stream')
      assert.equal(await typeOf('page', '<html><script>'), 'text/plain; charset=utf-8')
      assert.equal(await typeOf('x.constructor', new Uint8Array(8)), 'application/octet-stream')
      assert.equal(await typeOf('a.png', png, { contentType: 'text/plain' }), 'text/plain')
      const asGiven = await ownStore(subject, { face: { contentTypes: 'asGiven' } })
      assert.equal((await asGiven.put('b.png', png)).contentType, 'application/octet-stream')
    },
  },
  {
    id: 'B91',
    title: 'what is no content type is refused before any I/O',
    async run(subject) {
      const blobs = await ownStore(subject)
      for (const contentType of [
        '',
        'png',
        'image/',
        '/png',
        'image/png\r\nx: y',
        'text/plain; charset',
        'a b/c',
        `text/${'x'.repeat(2_000)}`,
        7,
        'té/xt',
      ])
        await refused(blobs.put('k', 'x', { contentType: contentType as string }), 'INVALID_ARGUMENT')
      for (const header of ['', ' x', 'a\r\nb: c', 'ação', 'x'.repeat(1_025), 7])
        await refused(blobs.put('k', 'x', { contentDisposition: header as string }), 'INVALID_ARGUMENT')
      assert.equal(await blobs.exists('k'), false)
    },
  },
  {
    id: 'B92',
    title: 'odd metadata comes back as it was; control characters and names that differ only in case are refused',
    async run(subject) {
      const blobs = await ownStore(subject)
      const odd: Record<string, string> = {
        'x-sale': 'ação €𝄞',
        empty: '',
        spaces: '  at both ends  ',
        percent: '100%25 =?UTF-8?B?eA==?=',
        quotes: `"a", 'b'; c`,
        UPPER: 'Kept As It Is',
        ...Object.fromEntries([
          ['__proto__', 'not a prototype'],
          ['constructor', 'no function'],
        ]),
        "!#$%&'*+.^_`|~-": 'every mark of a token',
      }
      await blobs.put('k', 'x', { metadata: odd })
      const wanted = Object.fromEntries(Object.entries(odd).map(([name, value]) => [name.toLowerCase(), value]))
      await using reader = await blobs.get('k')
      for (const info of [await blobs.head('k'), reader.info])
        assert.deepEqual(new Map(Object.entries(info.metadata)), new Map(Object.entries(wanted)))
      for (const bad of [
        { A: '1', a: '2' },
        { 'a b': '1' },
        { é: '1' },
        { '': '1' },
        { 'a:b': '1' },
        { a: 'x\r\ny: z' },
        { a: 'x\0' },
        { a: '\ud800' },
        { a: 1 },
        [],
        'x',
      ])
        await refused(blobs.put('k', 'y', { metadata: bad as never }), 'INVALID_ARGUMENT')
      assert.equal(await readText(blobs, 'k'), 'x')
    },
  },
  {
    id: 'B93',
    title: 'metadata up to the limit is kept, one byte more is refused',
    async run(subject) {
      const blobs = await ownStore(subject)
      const { maxMetadataBytes } = (await subject.driver()).limits
      const fits = { name: 'x'.repeat(maxMetadataBytes - 4) }
      await blobs.put('k', 'x', { metadata: fits })
      assert.equal((await blobs.head('k')).metadata.name, fits.name)
      await refused(blobs.put('k', 'y', { metadata: { name: `${fits.name}x` } }), 'INVALID_ARGUMENT')
      await refused(blobs.put('k', 'y', { metadata: { name: 'é'.repeat(maxMetadataBytes / 2) } }), 'INVALID_ARGUMENT')
      assert.equal(await readText(blobs, 'k'), 'x')
    },
  },
  {
    id: 'B94',
    title: 'a copy keeps the attributes, or has those that are given',
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('from', 'body', { ...full, metadata: { kept: 'yes' } })
      const kept = await blobs.copy('from', 'kept')
      for (const [name, value] of Object.entries(full)) assert.equal(kept[name as keyof typeof full], value)
      assert.deepEqual({ ...(await blobs.head('kept')).metadata }, { kept: 'yes' })
      await blobs.copy('from', 'new', { attributes: { contentType: 'text/plain', metadata: { fresh: 'yes' } } })
      const fresh = await blobs.head('new')
      assert.equal(fresh.contentType, 'text/plain')
      assert.equal(fresh.cacheControl, undefined)
      assert.deepEqual({ ...fresh.metadata }, { fresh: 'yes' })
      assert.equal(await readText(blobs, 'new'), 'body')
    },
  },
]
