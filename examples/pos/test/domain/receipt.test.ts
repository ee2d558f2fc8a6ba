import { expect, test } from '@jest/globals'
import { defaultLayout, fillFooter, formatQuantity, unknownFields } from '../../src/domain/receipt.js'
import type { Sale } from '../../src/domain/sale.js'

const sale: Sale = {
  saleId: '20261123-150000-abcdefgh',
  till: 'till-1',
  at: '2026-11-23T15:00:00.000Z',
  lines: [],
  totalCents: 2165,
  payment: { method: 'cash', receivedCents: 5_000 },
  changeCents: 2835,
}

test('the footer is filled, in the time of São Paulo', () => {
  expect(fillFooter(defaultLayout, sale)).toBe('Obrigado pela preferência!\nCaixa till-1, 23/11/2026, 12:00:00')
  expect(fillFooter({ storeName: 'Loja', footer: '{storeName}: {total}, troco {change}' }, sale)).toBe('Loja: R$ 21,65, troco R$ 28,35')
})

test('a footer with an unknown field fills nothing', () => {
  expect(unknownFields('{till} {cliente} {constructor} { till }')).toEqual(['cliente', 'constructor', ' till '])
  expect(fillFooter({ storeName: 'Loja', footer: 'Oi {cliente}' }, sale)).toBeUndefined()
})

test('quantities read as on a scale', () => {
  expect([formatQuantity(2_000, 'un'), formatQuantity(250, 'kg')]).toEqual(['2', '0,250 kg'])
})
