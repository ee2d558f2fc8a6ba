import { basketTotal, isQuantity, lineTotal, type BasketLine, type Thousandths } from './basket.js'
import type { Cents } from './money.js'
import { changeFor, type Payment } from './payment.js'
import type { Product } from './product.js'

/** What a till asks for: the prices are those that the customer saw. */
export interface SaleRequest {
  /** Made by the till, so that asking twice sells once. */
  readonly saleId: string
  readonly till: string
  readonly lines: readonly { readonly ean: string; readonly quantity: Thousandths; readonly cents: Cents }[]
  readonly payment: Payment
}

/** A closed sale. */
export interface Sale {
  readonly saleId: string
  readonly till: string
  /** ISO 8601. */
  readonly at: string
  readonly lines: readonly (BasketLine & { readonly totalCents: Cents })[]
  readonly totalCents: Cents
  readonly payment: Payment
  readonly changeCents: Cents
}

/** Why a sale cannot be closed. */
export type SaleRefusal =
  | { readonly reason: 'unknownProduct'; readonly eans: readonly string[] }
  | { readonly reason: 'quantity'; readonly eans: readonly string[] }
  | { readonly reason: 'priceChanged'; readonly prices: readonly { readonly ean: string; readonly cents: Cents }[] }
  | { readonly reason: 'notEnoughCash'; readonly totalCents: Cents }

/** Closes a sale at the catalogue's prices, and only if they are the ones that the customer saw. */
export function closeSale(
  request: SaleRequest,
  productOf: (ean: string) => Product | undefined,
  at: Date,
): { readonly sale: Sale } | { readonly refusal: SaleRefusal } {
  const wanted = request.lines.map((line) => ({ line, product: productOf(line.ean) }))
  const unknown = wanted.flatMap(({ line, product }) => (product === undefined ? [line.ean] : []))
  if (unknown.length > 0) return { refusal: { reason: 'unknownProduct', eans: unknown } }
  const odd = wanted.flatMap(({ line, product }) => (isQuantity(line.quantity, product!.unit) ? [] : [line.ean]))
  if (odd.length > 0) return { refusal: { reason: 'quantity', eans: odd } }
  const prices = wanted.flatMap(({ line, product }) => (line.cents === product!.cents ? [] : [{ ean: line.ean, cents: product!.cents }]))
  if (prices.length > 0) return { refusal: { reason: 'priceChanged', prices } }

  const lines = wanted.map(({ line, product }) => {
    const { ean, name, unit, cents } = product!
    return { ean, name, unit, cents, quantity: line.quantity, totalCents: lineTotal(line) }
  })
  const totalCents = basketTotal(lines)
  const changeCents = changeFor(totalCents, request.payment)
  if (changeCents === undefined) return { refusal: { reason: 'notEnoughCash', totalCents } }
  const { saleId, till, payment } = request
  return { sale: { saleId, till, at: at.toISOString(), lines, totalCents, payment, changeCents } }
}

/** Is `sale` what `request` asked for? Tells a retry from another sale under the same id. */
export function isSaleOf(sale: Sale, request: SaleRequest): boolean {
  const essence = ({ till, lines, payment }: Pick<SaleRequest, 'till' | 'payment'> & { readonly lines: SaleRequest['lines'] }) =>
    JSON.stringify([
      till,
      lines.map(({ ean, quantity, cents }) => [ean, quantity, cents]),
      payment.method,
      payment.method === 'cash' ? payment.receivedCents : 0,
    ])
  return essence(sale) === essence(request)
}
