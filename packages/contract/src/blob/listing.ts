import assert from 'node:assert/strict'
import type { BlobDriver, BlobStorage } from '@pdvend/ports'
import { altered } from './altered.js'
import { type BlobCase, byteOrder, chunked, eachOf, entriesOf, namesOf, ownStore, pattern, refused } from './kit.js'

async function fill(blobs: BlobStorage, keys: readonly string[]): Promise<void> {
  await eachOf(keys, 16, (key) => blobs.put(key, key))
}

export const listing: readonly BlobCase[] = [
  {
    id: 'B78',
    title: 'an empty listing, one by prefix, and pages of 1, 2 and 3',
    async run(subject) {
      const blobs = await ownStore(subject)
      assert.deepEqual(await namesOf(blobs.list()), [])
      for await (const _page of blobs.list().pages()) assert.fail('an empty listing has no page')
      const keys = ['a', 'b/1', 'b/2', 'b/3', 'c', 'd', 'e']
      await fill(blobs, keys)
      assert.deepEqual(await namesOf(blobs.list({ prefix: 'b/2' })), ['b/2'])
      for (const pageSize of [1, 2, 3]) {
        const sizes: number[] = []
        for await (const page of blobs.list({ pageSize }).pages()) sizes.push(page.length)
        assert.equal(
          sizes.reduce((sum, size) => sum + size, 0),
          keys.length,
        )
        assert.ok(sizes.every((size) => size <= pageSize))
        assert.deepEqual(await namesOf(blobs.list({ pageSize })), keys)
      }
      for (const pageSize of [0, -1, 1.5, Number.NaN]) assert.throws(() => blobs.list({ pageSize }), { code: 'INVALID_ARGUMENT' })
    },
  },
  {
    id: 'B79',
    title: 'keys come in the order of their UTF-8 bytes',
    async run(subject) {
      const blobs = await ownStore(subject)
      const keys = [
        'a',
        'B',
        'Z',
        'aa',
        'a/b',
        'a.b',
        'a-b',
        'a b',
        'é',
        'z',
        '\uffee',
        '😀',
        '\u{10fffd}',
        'À',
        '0',
        '10',
        '9',
        '_',
        '~',
        '\x01',
        '\x7f',
      ]
      await fill(blobs, keys)
      assert.deepEqual(await namesOf(blobs.list()), [...keys].sort(byteOrder))
      assert.deepEqual(await namesOf(blobs.list({ pageSize: 2 })), [...keys].sort(byteOrder))
    },
  },
  {
    id: 'B80',
    title: 'delimiters "/", "\\" and of several characters group keys',
    async run(subject) {
      const blobs = await ownStore(subject)
      await fill(blobs, ['a', 'a/1', 'a/2/3', 'b\\1', 'b\\2', 'c--1', 'c--2', 'c-3', 'd/'])
      assert.deepEqual(await namesOf(blobs.list({ delimiter: '/' })), ['a', '[a/]', 'b\\1', 'b\\2', 'c--1', 'c--2', 'c-3', '[d/]'])
      assert.deepEqual(await namesOf(blobs.list({ delimiter: '/', prefix: 'a/' })), ['a/1', '[a/2/]'])
      assert.deepEqual(await namesOf(blobs.list({ delimiter: '\\', prefix: 'b' })), ['[b\\]'])
      assert.deepEqual(await namesOf(blobs.list({ delimiter: '--', prefix: 'c' })), ['[c--]', 'c-3'])
      assert.deepEqual(await namesOf(blobs.list({ delimiter: '/', pageSize: 1 })), [
        'a',
        '[a/]',
        'b\\1',
        'b\\2',
        'c--1',
        'c--2',
        'c-3',
        '[d/]',
      ])
      assert.throws(() => blobs.list({ delimiter: '' }), { code: 'INVALID_ARGUMENT' })
    },
  },
  {
    id: 'B81',
    title: 'characters that sort before the delimiter do not split or repeat a group',
    async run(subject) {
      const blobs = await ownStore(subject)
      await fill(blobs, ['a', 'a!', 'a!/1', 'a-b/1', 'a-b/2', 'a.txt', 'a/1', 'a/2', 'a0', 'a0/1'])
      const groups = ['a', 'a!', '[a!/]', '[a-b/]', 'a.txt', '[a/]', 'a0', '[a0/]']
      for (const pageSize of [1, 2, 3, 100]) assert.deepEqual(await namesOf(blobs.list({ delimiter: '/', pageSize })), groups)
    },
  },
  {
    id: 'B82',
    title: 'startAfter is exclusive, and need not exist',
    async run(subject) {
      const blobs = await ownStore(subject)
      await fill(blobs, ['a', 'b', 'b/1', 'c'])
      assert.deepEqual(await namesOf(blobs.list({ startAfter: 'b' })), ['b/1', 'c'])
      assert.deepEqual(await namesOf(blobs.list({ startAfter: 'aa' })), ['b', 'b/1', 'c'])
      assert.deepEqual(await namesOf(blobs.list({ startAfter: 'c' })), [])
      assert.deepEqual(await namesOf(blobs.list({ startAfter: 'a', prefix: 'b' })), ['b', 'b/1'])
    },
  },
  {
    id: 'B83',
    title: 'inserts and deletes between pages neither repeat nor skip what was there all the time',
    async run(subject) {
      const blobs = await ownStore(subject)
      const stable = Array.from({ length: 30 }, (_, index) => `k${String(index).padStart(2, '0')}`)
      await fill(blobs, stable)
      await fill(blobs, ['k05-gone', 'k20-gone'])
      const seen: string[] = []
      let page = 0
      for await (const entries of blobs.list({ pageSize: 4 }).pages()) {
        for (const entry of entries) if (entry.kind === 'blob') seen.push(entry.key)
        if (page++ === 1) {
          await blobs.delete('k05-gone')
          await blobs.delete('k20-gone')
          await fill(blobs, ['k00-new', 'a-new', 'k25-new'])
        }
      }
      assert.equal(new Set(seen).size, seen.length, 'a key came twice')
      assert.deepEqual(
        seen.filter((key) => /^k\d\d$/.test(key)),
        stable,
      )
      assert.ok(!seen.includes('k20-gone'))
    },
  },
  {
    id: 'B84',
    title: '2,500 keys, and none is missed',
    timeoutMs: 180_000,
    async run(subject) {
      const blobs = await ownStore(subject)
      const keys = Array.from({ length: 2_500 }, (_, index) => `n/${String(index).padStart(5, '0')}`)
      await eachOf(keys, 100, (key) => blobs.put(key, ''))
      assert.deepEqual(await namesOf(blobs.list()), keys)
      assert.deepEqual(await namesOf(blobs.list({ delimiter: '/' })), ['[n/]'])
      for await (const { error } of blobs.deleteMany(keys)) assert.equal(error, undefined)
      assert.deepEqual(await namesOf(blobs.list()), [])
    },
  },
  {
    id: 'B85',
    title: 'leaving the loop early stops the requests',
    async run(subject) {
      let requests = 0
      const wrap = (driver: never): unknown =>
        altered(driver as BlobDriver, {
          list: (inner, options) => {
            requests++
            return inner.list(options)
          },
        })
      const blobs = await ownStore(subject, { wrap })
      await fill(
        blobs,
        Array.from({ length: 12 }, (_, index) => `k${index}`),
      )
      let count = 0
      for await (const _entry of blobs.list({ pageSize: 2 })) if (++count === 3) break
      assert.equal(requests, 2)
      await new Promise((resolve) => setTimeout(resolve, 30))
      assert.equal(requests, 2)
    },
  },
  {
    id: 'B86',
    title: 'an unfinished write is not listed',
    async run(subject) {
      const blobs = await ownStore(subject)
      let end: (() => void) | undefined
      const held = new Promise<void>((resolve) => (end = resolve))
      const writing = blobs.put(
        'big',
        chunked([pattern(400_000), pattern(10)], (index) => (index === 1 ? held : undefined)),
      )
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.deepEqual(await namesOf(blobs.list()), [])
      end?.()
      await writing
      assert.deepEqual(await namesOf(blobs.list()), ['big'])
    },
  },
  {
    id: 'B87',
    title: 'a prefix is a plain beginning: without a slash it matches siblings, and its case counts',
    async run(subject) {
      const blobs = await ownStore(subject)
      await fill(blobs, ['p', 'p/q', 'pq', 'P', 'o', 'q', 'p%', 'p_'])
      assert.deepEqual(await namesOf(blobs.list({ prefix: 'p' })), ['p', 'p%', 'p/q', 'p_', 'pq'])
      assert.deepEqual(await namesOf(blobs.list({ prefix: 'p%' })), ['p%'])
      assert.deepEqual(await namesOf(blobs.list({ prefix: 'p/' })), ['p/q'])
      assert.deepEqual(await namesOf(blobs.list({ prefix: 'none' })), [])
      for (const prefix of ['\ud800', 'x'.repeat(1_025), 7])
        assert.throws(() => blobs.list({ prefix: prefix as string }), { code: 'INVALID_ARGUMENT' })
      await refused(entriesOf((await subject.open({ face: { timeoutMs: -1 } })).list()), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B88',
    title: 'keys that are hostile to XML and URLs come back as they are',
    async run(subject) {
      const blobs = await ownStore(subject)
      const keys = [
        '<Key>&amp;</Key>',
        ']]>',
        '&#x1;',
        '\x01\x08\x0b\x1f',
        '\r\n',
        '\t',
        '%00',
        '+',
        ' ',
        '\u2028',
        '\ufffe',
        '\ufeffbom',
        '"\'',
      ]
      await fill(blobs, keys)
      assert.deepEqual(await namesOf(blobs.list()), [...keys].sort(byteOrder))
    },
  },
]
