import { defineMessage } from '@pdvend/ports/define'
import * as z from 'zod/mini'

const HOUR_MS = 3_600_000

/** To every till: a product costs something else from now on. A till that missed it longer reads the whole catalogue. */
export const priceChanged = defineMessage('price.changed', {
  body: z.object({ ean: z.string(), name: z.string(), cents: z.int(), revision: z.int() }),
  ttlMs: 12 * HOUR_MS,
})

/** To every till: the catalogue has other products or pictures; read it again. */
export const catalogueChanged = defineMessage('catalogue.changed', {
  body: z.object({ reason: z.enum(['import', 'picture']) }),
  ttlMs: 12 * HOUR_MS,
})

/** To the till that sold: the receipt is stored and can be shown. */
export const receiptReady = defineMessage('receipt.ready', {
  body: z.object({ saleId: z.string(), totalCents: z.int(), sizeBytes: z.int() }),
  ttlMs: 24 * HOUR_MS,
})

/** From a till: it showed the receipt. */
export const receiptShown = defineMessage('receipt.shown', {
  body: z.object({ saleId: z.string() }),
  ttlMs: HOUR_MS,
})
