import type { Cents } from './money.js'
import type { Product } from './product.js'

/** Thousandths of a piece or of a kilogram: 1,000 is one piece; 250 is 250 g. */
export type Thousandths = number

/** Most of one product in a basket: 999 pieces or kilograms. */
export const MAX_QUANTITY: Thousandths = 999_000

/** One product in a basket, at the price that the customer sees. */
export interface BasketLine {
  readonly ean: string
  readonly name: string
  readonly unit: Product['unit']
  readonly cents: Cents
  readonly quantity: Thousandths
}

export type Basket = readonly BasketLine[]

/** Rounds half up to whole cents, as a scale does. */
export function lineTotal(line: Pick<BasketLine, 'cents' | 'quantity'>): Cents {
  return Math.floor((line.cents * line.quantity + 500) / 1_000)
}

export function basketTotal(basket: Basket): Cents {
  return basket.reduce((sum, line) => sum + lineTotal(line), 0)
}

/** True for what can be sold: pieces whole, weights above zero. */
export function isQuantity(quantity: number, unit: Product['unit']): boolean {
  return Number.isInteger(quantity) && quantity > 0 && quantity <= MAX_QUANTITY && (unit === 'kg' || quantity % 1_000 === 0)
}

/** Adds to the product's line or makes one at the end; the line takes the product's price of now. */
export function addToBasket(basket: Basket, product: Product, quantity: Thousandths = 1_000): Basket {
  const line = basket.find(({ ean }) => ean === product.ean)
  const sum = Math.min(MAX_QUANTITY, (line?.quantity ?? 0) + quantity)
  const { ean, name, unit, cents } = product
  const next = { ean, name, unit, cents, quantity: sum }
  return line === undefined ? [...basket, next] : basket.map((other) => (other === line ? next : other))
}

/** Sets a line's quantity; zero or less takes it out. */
export function setQuantity(basket: Basket, ean: string, quantity: Thousandths): Basket {
  if (quantity <= 0) return basket.filter((line) => line.ean !== ean)
  return basket.map((line) => (line.ean === ean && isQuantity(quantity, line.unit) ? { ...line, quantity } : line))
}

/** The basket at today's prices. */
export function repriced(basket: Basket, priceOf: (ean: string) => Cents | undefined): Basket {
  return basket.map((line) => {
    const cents = priceOf(line.ean) ?? line.cents
    return cents === line.cents ? line : { ...line, cents }
  })
}
