import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BlobStorage, PortError } from '../../src/index.js'
import { checkKey, checkScope, MAX_KEY_BYTES } from '../../src/blob/keys.js'
import { memoryDriver } from './memory-driver.js'

const isKey = (text: string): boolean =>
  text !== '' &&
  text.isWellFormed() &&
  !text.includes('\0') &&
  Buffer.byteLength(text) <= MAX_KEY_BYTES &&
  !text.split('/').some((segment) => segment === '.' || segment === '..')

/** Texts with what keys break on, more often than chance gives. */
const hostile = fc
  .array(fc.oneof(fc.constantFrom('/', '.', '..', '\\', '%2e', '\0', '\ud800', '😀', 'é', 'e\u0301', '//', 'x'.repeat(300)), fc.string()), {
    maxLength: 8,
  })
  .map((parts) => parts.join(''))

describe('keys', () => {
  test('B33 B34 B35 B41 a text is a key by the rule of the contract, and comes back as it was', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        if (isKey(text)) expect(checkKey(text)).toBe(text)
        else expect(() => checkKey(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
      }),
      { numRuns: 2_000 },
    )
  })

  test('B41 no key of any scope reaches the driver outside of the scope', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (outer, inner, key) => {
        const reached: string[] = []
        const root = new BlobStorage(memoryDriver({ onKey: (name) => reached.push(name) }), { retry: { maxAttempts: 1 } })
        let scoped: BlobStorage
        try {
          scoped = root.scope(outer).scope(inner)
        } catch (error) {
          expect(PortError.is(error, 'INVALID_ARGUMENT')).toBe(true)
          return
        }
        const within = outer + (outer.endsWith('/') ? '' : '/') + inner + (inner.endsWith('/') ? '' : '/')
        await scoped.put(key, 'x').catch(() => undefined)
        await scoped.copy(key, `${key}2`).catch(() => undefined)
        await scoped.delete(key).catch(() => undefined)
        for (const name of reached) {
          expect(name.startsWith(within)).toBe(true)
          expect(
            new URL(`http://h/${name.split('/').map(encodeURIComponent).join('/')}`).pathname.startsWith(
              `/${encodeURIComponent(outer.split('/')[0]!)}`,
            ),
          ).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('B41 the scope t1 is not the beginning of t10', () => {
    expect(checkScope('t1', '')).toBe('t1/')
    expect(checkScope('t1/', '')).toBe('t1/')
    for (const prefix of ['', '/', '/t1', '..', 't/../u', 'x'.repeat(1_023)]) expect(() => checkScope(prefix, '')).toThrow(PortError)
  })

  test('B41 listings and errors in a scope know only what is below it', async () => {
    const root = new BlobStorage(memoryDriver())
    const scoped = root.scope('shop-1').scope('pictures')
    await scoped.put('a/1.png', 'x')
    await scoped.put('b.png', 'x')
    const names: string[] = []
    for await (const entry of scoped.list({ delimiter: '/' })) names.push(entry.kind === 'blob' ? entry.key : entry.prefix)
    expect(names).toEqual(['a/', 'b.png'])
    const error: unknown = await scoped.get('missing').catch((thrown: unknown) => thrown)
    expect(PortError.is(error, 'NOT_FOUND') && error.target).toBe('missing')
    expect((error as Error).message).not.toContain('shop-1')
  })
})
