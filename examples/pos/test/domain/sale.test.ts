import { expect, test } from '@jest/globals'
import { addToBasket, basketTotal, isQuantity, lineTotal, repriced, setQuantity } from '../../src/domain/basket.js'
import { changeFor, likelyCash } from '../../src/domain/payment.js'
import { withOffer, type Product } from '../../src/domain/product.js'
import { closeSale, isSaleOf, type SaleRequest } from '../../src/domain/sale.js'

const rice: Product = { ean: '7891000000137', name: 'Arroz', brand: 'Bom Grão', category: 'grocery', unit: 'un', cents: 749, revision: 1 }
const bread: Product = { ean: '7891000000267', name: 'Pão francês', brand: '', category: 'bakery', unit: 'kg', cents: 1990, revision: 3 }
const products = new Map([rice, bread].map((product) => [product.ean, product]))
const productOf = (ean: string) => products.get(ean)
const noon = new Date('2026-11-23T15:00:00Z')

const request: SaleRequest = {
  saleId: '20261123-150000-abcdefgh',
  till: 'till-1',
  lines: [
    { ean: rice.ean, quantity: 2_000, cents: 749 },
    { ean: bread.ean, quantity: 335, cents: 1990 },
  ],
  payment: { method: 'cash', receivedCents: 5_000 },
}

test('a weighed line is rounded half up to whole cents', () => {
  expect(lineTotal({ cents: 1990, quantity: 335 })).toBe(667)
  expect(lineTotal({ cents: 1, quantity: 500 })).toBe(1)
  expect(lineTotal({ cents: 1, quantity: 499 })).toBe(0)
  expect(lineTotal({ cents: 100_000_000, quantity: 999_000 })).toBe(99_900_000_000)
})

test('pieces are whole, weights are above zero', () => {
  expect(isQuantity(1_500, 'un')).toBe(false)
  expect(isQuantity(1_500, 'kg')).toBe(true)
  expect(isQuantity(0, 'kg')).toBe(false)
  expect(isQuantity(999_001, 'kg')).toBe(false)
  expect(isQuantity(0.5, 'kg')).toBe(false)
})

test('a basket adds up, changes and empties', () => {
  let basket = addToBasket(addToBasket([], rice), rice)
  expect(basket).toHaveLength(1)
  basket = addToBasket(basket, bread, 250)
  expect(basketTotal(basket)).toBe(2 * 749 + 498)
  basket = setQuantity(basket, rice.ean, 500)
  expect(basket[0]!.quantity).toBe(2_000)
  basket = repriced(basket, () => 100)
  expect(basketTotal(basket)).toBe(225)
  expect(setQuantity(setQuantity(basket, rice.ean, 0), bread.ean, 0)).toEqual([])
})

test('a sale closes at the prices that the customer saw', () => {
  const closed = closeSale(request, productOf, noon)
  expect(closed).toMatchObject({ sale: { totalCents: 2165, changeCents: 2835, at: '2026-11-23T15:00:00.000Z' } })
})

test.each([
  ['priceChanged', { ...request, lines: [{ ean: rice.ean, quantity: 1_000, cents: 700 }] }, { prices: [{ ean: rice.ean, cents: 749 }] }],
  ['unknownProduct', { ...request, lines: [{ ean: '0000000000000', quantity: 1_000, cents: 1 }] }, { eans: ['0000000000000'] }],
  ['quantity', { ...request, lines: [{ ean: rice.ean, quantity: 1_500, cents: 749 }] }, { eans: [rice.ean] }],
  ['notEnoughCash', { ...request, payment: { method: 'cash', receivedCents: 2164 } }, { totalCents: 2165 }],
] as const)('a sale is refused: %s', (reason, wrong, detail) => {
  expect(closeSale(wrong as SaleRequest, productOf, noon)).toEqual({ refusal: { reason, ...detail } })
})

test('a repeated request is told from another sale under the same id', () => {
  const closed = closeSale(request, productOf, noon)
  const { sale } = closed as Extract<typeof closed, { sale: unknown }>
  expect(isSaleOf(JSON.parse(JSON.stringify(sale)), request)).toBe(true)
  expect(isSaleOf(sale, { ...request, payment: { method: 'card' } })).toBe(false)
  expect(isSaleOf(sale, { ...request, lines: request.lines.slice(1) })).toBe(false)
  expect(isSaleOf(sale, { ...request, till: 'till-2' })).toBe(false)
})

test('change and likely notes', () => {
  expect(changeFor(1_000, { method: 'card' })).toBe(0)
  expect(changeFor(1_001, { method: 'cash', receivedCents: 1_000 })).toBeUndefined()
  expect(likelyCash(2165)).toEqual([2165, 2500, 3000, 4000])
  expect(likelyCash(5000)).toEqual([5000, 6000, 10_000, 20_000])
})

test('an import keeps the picture and counts a revision only for a change', () => {
  const { revision: _, ...offer } = rice
  const pictured = { ...rice, picture: 'pictures/products/x.png' }
  expect(withOffer(pictured, offer)).toBe(pictured)
  expect(withOffer(pictured, { ...offer, cents: 800 })).toEqual({ ...pictured, cents: 800, revision: 2 })
  expect(withOffer(undefined, offer)).toEqual({ ...offer, revision: 1 })
})
