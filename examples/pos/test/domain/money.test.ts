import { expect, test } from '@jest/globals'
import { formatCents, parseCents } from '../../src/domain/money.js'

test.each([
  ['12,90', 1290],
  ['12,9', 1290],
  ['1.234,56', 123_456],
  ['R$ 7', 700],
  ['12.90', 1290],
  ['0,05', 5],
  [' 3,00 ', 300],
])('%j is %d cents', (text, cents) => {
  expect(parseCents(text)).toBe(cents)
})

test.each(['', 'abc', '1,234', '-5', '1e3', '12,3,4', '1.23.4', '9999999999', 'NaN'])('%j is no price', (text) => {
  expect(parseCents(text)).toBeUndefined()
})

test('amounts read as Brazilians write them', () => {
  expect(formatCents(123_456)).toBe('R$ 1.234,56')
  expect(formatCents(5)).toBe('R$ 0,05')
})
