import { defineEvent } from '@pdvend/ports/define'
import * as z from 'zod/mini'

/** A sale was closed. Its id is the sale's, so that it is one row however often the till asked. */
export const saleClosed = defineEvent('sale.closed', {
  data: z.object({ saleId: z.string(), till: z.string(), totalCents: z.int(), lines: z.int(), method: z.enum(['cash', 'card', 'pix']) }),
})

export const receiptIssued = defineEvent('receipt.issued', {
  data: z.object({ saleId: z.string(), till: z.string(), sizeBytes: z.int(), sinceSaleMs: z.int() }),
})

/** A till showed a receipt to its customer. */
export const receiptSeen = defineEvent('receipt.seen', {
  data: z.object({ saleId: z.string(), till: z.string() }),
})

export const priceUpdated = defineEvent('price.updated', {
  data: z.object({ ean: z.string(), beforeCents: z.int(), cents: z.int() }),
})

export const catalogueImported = defineEvent('catalogue.imported', {
  data: z.object({ importId: z.string(), rows: z.int(), changed: z.int(), refused: z.int() }),
})
