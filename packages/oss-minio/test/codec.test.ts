import { expect, test } from '@jest/globals'
import { decode, encode } from '../src/codec.js'

test('text comes back as it was', () => {
  for (const text of ['', 'pão de açúcar', '\u0000', '🛒']) expect(decode(encode(text))).toBe(text)
})
