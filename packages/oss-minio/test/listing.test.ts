import { describe, expect, test } from '@jest/globals'
import type { BlobEntry } from '@pdvend/ports'
import fc from 'fast-check'
import { readPage } from '../src/listing.js'
import { compareBytes, Names, type NameScheme } from '../src/names.js'
import { FakeStore } from './fake-store.js'
import { key, text } from './keys.js'

interface Query {
  readonly prefix: string
  readonly delimiter?: string
  readonly startAfter?: string
}

const signal = new AbortController().signal

async function listed(names: Names, store: FakeStore, query: Query, pageSize: number): Promise<string[]> {
  const found: string[] = []
  let cursor: string | undefined
  for (let pages = 0; ; pages++) {
    expect(pages).toBeLessThan(500)
    const page = await readPage(store, names, { ...query, pageSize, signal, ...(cursor === undefined ? {} : { cursor }) })
    expect(page.entries.length).toBeLessThanOrEqual(pageSize)
    found.push(...page.entries.map(nameOf))
    cursor = page.cursor
    if (cursor === undefined) return found
  }
}

function nameOf(entry: BlobEntry): string {
  return entry.kind === 'blob' ? entry.key : `[${entry.prefix}]`
}

/** What a listing must give, by the words of the port. */
function expected(keys: readonly string[], { prefix, delimiter, startAfter }: Query): string[] {
  const found: string[] = []
  for (const name of [...keys].sort(compareBytes)) {
    if (!name.startsWith(prefix) || (startAfter !== undefined && compareBytes(name, startAfter) <= 0)) continue
    const at = delimiter === undefined ? -1 : name.indexOf(delimiter, prefix.length)
    const line = at < 0 ? name : `[${name.slice(0, at + delimiter!.length)}]`
    if (found.at(-1) !== line) found.push(line)
  }
  return found
}

const bound = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined })

describe.each(['plain', 'escaped'] satisfies NameScheme[])('listing, %s names', (scheme) => {
  const names = new Names(scheme)

  test('any keys, prefix, delimiter, start and page size give what the port promises', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 25 }),
        fc.record({ from: fc.nat(), length: fc.nat(8), other: fc.boolean(), text }),
        bound(fc.constantFrom('/', '/', '-', 'a', '\\', '//', '.')),
        bound(text.filter((start) => start !== '')),
        fc.constantFrom(1, 2, 3, 100),
        async (keys, { from, length, other, text: any }, delimiter, start, pageSize) => {
          const some = keys[from % Math.max(1, keys.length)] ?? ''
          const prefix = other ? any : some.slice(0, length)
          fc.pre(prefix.isWellFormed())
          const startAfter = from % 3 === 0 ? (keys[(from + 1) % Math.max(1, keys.length)] ?? start) : start
          const query = { prefix, ...(delimiter === undefined ? {} : { delimiter }), ...(startAfter === undefined ? {} : { startAfter }) }
          const store = new FakeStore(names, keys, ['.pdvend/store.json', '/foreign', '.x'])
          expect(await listed(names, store, query, pageSize)).toEqual(expected(keys, query))
        },
      ),
      { numRuns: 400 },
    )
  })

  test('keys of about 1,000 bytes come in the order of their bytes, also within a page', async () => {
    const head = `${'k'.repeat(190)}/${'m'.repeat(700)}`
    const short = (found: readonly string[]): string[] => found.map((name) => name.replaceAll(/(.)\1{30,}/g, '$1+'))
    const keys = ['', 'a', '/b', '/b/c', '!', '😀', 'z'.repeat(60), 'z'.repeat(61), `${'y'.repeat(40)}/x`].map(
      (tail) => `${head}/${'n'.repeat(60)}${tail}`,
    )
    for (const pageSize of [1, 2, 100]) {
      expect(short(await listed(names, new FakeStore(names, keys), { prefix: '' }, pageSize))).toEqual(
        short(expected(keys, { prefix: '' })),
      )
      const query = { prefix: `${head}/`, delimiter: '/', startAfter: `${head}/${'n'.repeat(60)}!` }
      expect(short(await listed(names, new FakeStore(names, keys), query, pageSize))).toEqual(short(expected(keys, query)))
    }
  })

  test('a page costs one request, and one for each folder that ends where it begins', async () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => `f${index % 40}/g${index % 7}/k${index}`)
    const store = new FakeStore(names, keys)
    expect(await listed(names, store, { prefix: '' }, 100)).toHaveLength(1_000)
    expect(store.pages).toBeLessThanOrEqual(50)
    const grouped = new FakeStore(names, keys)
    expect(await listed(names, grouped, { prefix: '', delimiter: '/' }, 100)).toHaveLength(40)
    expect(grouped.pages).toBe(1)
  })
})
