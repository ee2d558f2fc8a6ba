import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { BlobEntry } from '@pdvend/ports'
import { type RangeReader, readPage } from '../../src/blob/page.js'

const key = fc
  .array(fc.constantFrom('a', 'b', '/', '-', '--', '😀', '\uffee', 'é'), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))
const order = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other))
const nameOf = (entry: BlobEntry): string => (entry.kind === 'blob' ? entry.key : `[${entry.prefix}]`)

/** The definition of a listing, word by word. */
function model(keys: readonly string[], prefix: string, delimiter: string | undefined, startAfter: string): string[] {
  const names = keys
    .filter((name) => name.startsWith(prefix) && order(name, startAfter) > 0)
    .map((name) => {
      const at = delimiter === undefined ? -1 : name.indexOf(delimiter, prefix.length)
      return at < 0 ? name : `[${name.slice(0, at + delimiter!.length)}]`
    })
  return [...new Set(names)]
}

test('B78 B79 B80 B81 B82 pages of any size are the listing of the definition', () => {
  const options = fc.record({
    keys: fc.uniqueArray(key, { maxLength: 30 }).map((keys) => keys.sort(order)),
    prefix: fc.oneof(fc.constant(''), key),
    delimiter: fc.constantFrom(undefined, '/', '--', '😀'),
    startAfter: fc.oneof(fc.constant(''), key),
    pageSize: fc.integer({ min: 1, max: 7 }),
  })
  fc.assert(
    fc.property(options, ({ keys, prefix, delimiter, startAfter, pageSize }) => {
      const range: RangeReader = (from, to, limit) =>
        keys
          .filter((name) => Buffer.compare(Buffer.from(name), from) >= 0 && Buffer.compare(Buffer.from(name), to) < 0)
          .slice(0, limit)
          .map((name) => ({ key: Buffer.from(name), etag: 'e', size: 1, modified: 1 }))
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = readPage(range, {
          prefix,
          pageSize,
          signal: AbortSignal.abort(),
          ...(delimiter === undefined ? {} : { delimiter }),
          ...(startAfter === '' ? {} : { startAfter }),
          ...(cursor === undefined ? {} : { cursor }),
        })
        expect(page.entries.length).toBeLessThanOrEqual(pageSize)
        seen.push(...page.entries.map(nameOf))
        cursor = page.cursor
      } while (cursor !== undefined)
      expect(seen).toEqual(model(keys, prefix, delimiter, startAfter))
    }),
    { numRuns: 1_000 },
  )
})
