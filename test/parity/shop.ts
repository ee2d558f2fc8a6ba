import { defineEvent, defineJob, defineMessage } from '@pdvend/ports'
import { z } from 'zod'

/** What the scripted day works with: the shop's jobs, messages and events. */
export const issueReceipt = defineJob('parity.receipt', {
  input: z.object({ saleId: z.string(), till: z.string() }),
  retry: { maxAttempts: 3, firstMs: 50, maxMs: 200 },
  key: ({ saleId }) => saleId,
})

export const moveStock = defineJob('parity.stock', {
  input: z.object({ sku: z.string(), move: z.int() }),
  retry: { maxAttempts: 5, firstMs: 50, maxMs: 100 },
  key: ({ sku }) => sku,
})

/** No key: any order, and on Kafka another engine than the others. */
export const sendMail = defineJob('parity.mail', {
  input: z.object({ number: z.int() }),
  retry: { maxAttempts: 2, firstMs: 50, maxMs: 100 },
})

export const jobs = [issueReceipt, moveStock, sendMail]

export const priceChanged = defineMessage('parity.price', { body: z.object({ sku: z.string(), cents: z.int() }), ttlMs: 3_600_000 })
export const receiptReady = defineMessage('parity.ready', { body: z.object({ saleId: z.string() }), ttlMs: 3_600_000 })
export const receiptShown = defineMessage('parity.shown', { body: z.object({ saleId: z.string() }), ttlMs: 3_600_000 })

export const saleClosed = defineEvent('parity.sale', { data: z.object({ saleId: z.string(), till: z.string(), cents: z.int() }) })
export const receiptIssued = defineEvent('parity.issued', { data: z.object({ saleId: z.string(), bytes: z.int() }) })
