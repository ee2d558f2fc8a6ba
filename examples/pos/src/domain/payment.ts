import type { Cents } from './money.js'

export type PaymentMethod = 'cash' | 'card' | 'pix'

export const paymentMethods: readonly PaymentMethod[] = ['cash', 'card', 'pix']

/** How a customer pays; only cash gives change. */
export type Payment = { readonly method: 'cash'; readonly receivedCents: Cents } | { readonly method: 'card' | 'pix' }

/** What goes back to the customer; undefined when the money is not enough. */
export function changeFor(totalCents: Cents, payment: Payment): Cents | undefined {
  if (payment.method !== 'cash') return 0
  const change = payment.receivedCents - totalCents
  return change >= 0 ? change : undefined
}

/** Round amounts that a customer is likely to hand over for `totalCents`, the exact one first, at most four. */
export function likelyCash(totalCents: Cents): readonly Cents[] {
  const notes = [500, 1_000, 2_000, 5_000, 10_000, 20_000].map((note) => Math.ceil(totalCents / note) * note)
  return [...new Set([totalCents, ...notes])].sort((a, b) => a - b).slice(0, 4)
}
