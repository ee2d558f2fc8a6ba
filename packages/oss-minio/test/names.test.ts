import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compareBytes, Names, type NameScheme } from '../src/names.js'
import { key, text } from './keys.js'

describe.each(['plain', 'escaped'] satisfies NameScheme[])('names, %s', (scheme) => {
  const names = new Names(scheme)
  const nameOf = (of: string): string => names.encode(of).name

  test('every key comes back from its name', () => {
    fc.assert(
      fc.property(key, (given) => {
        const { name, tail } = names.encode(given)
        expect(names.decode(name, tail)).toBe(given)
        expect(names.isCut(name)).toBe(tail !== undefined)
      }),
      { numRuns: 400 },
    )
  })

  test('names keep the order of keys, but for those that are cut', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const [first, second] = [names.encode(one), names.encode(other)]
        fc.pre(first.tail === undefined && second.tail === undefined)
        expect(Math.sign(compareBytes(first.name, second.name))).toBe(Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other))))
      }),
      { numRuns: 800 },
    )
  })

  test('a key begins with a prefix exactly when its name begins with the name of the prefix', () => {
    fc.assert(
      fc.property(key, text, fc.nat(), (given, other, at) => {
        for (const prefix of [given.slice(0, at % given.length), other]) {
          fc.pre(prefix.isWellFormed() && Buffer.byteLength(prefix) < 300 && names.encode(given).tail === undefined)
          expect(nameOf(given).startsWith(names.prefix(prefix))).toBe(given.startsWith(prefix))
        }
      }),
      { numRuns: 800 },
    )
  })

  test('a name is at most 1,024 bytes, no segment empty, a dot or above 255 bytes', () => {
    fc.assert(
      fc.property(key, (given) => {
        const name = nameOf(given)
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(1_024)
        for (const segment of name.split('/')) {
          expect(['', '.', '..']).not.toContain(segment)
          expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(255)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('what no key is named decodes to nothing', () => {
    for (const name of ['.hidden', 'a//b', '/a', '._', 'a/.x', '.pdvend/store.json', '!zz/a', 'dir/'])
      expect(names.decode(name)).toBeUndefined()
  })
})

test('ordinary keys are their own names', () => {
  const names = new Names('plain')
  for (const name of ['a', 'notas/2026/11/17.xml', 'foto 1.png', 'ação/€.txt', 'a-b_c.d/e', 'x'.repeat(199), 'a!b'])
    expect(names.encode(name)).toEqual({ name })
  expect(names.encode('a//b').name).toBe('a/._/b')
  expect(names.encode('dir/').name).toBe('dir/!')
  expect(names.encode('.hidden').name).toBe('.-hidden')
})

test('escaped names never make a blob of a folder', () => {
  const names = new Names('escaped')
  expect(names.encode('notas/17.xml').name).toBe('notas/17.xml!')
  expect(names.encode('foto 1.png').name).toBe('foto!201.png!')
  fc.assert(
    fc.property(key, key, (one, other) => {
      expect(names.encode(one).name.startsWith(`${names.encode(other).name}/`)).toBe(false)
    }),
    { numRuns: 400 },
  )
})
