import { defineJob } from '@pdvend/ports/define'
import * as z from 'zod/mini'

/** Renders a sale's receipt, stores it and tells the till. Doing it twice gives the same receipt. */
export const issueReceipt = defineJob('receipt.issue', {
  input: z.object({ saleId: z.string(), till: z.string() }),
  retry: { maxAttempts: 8, firstMs: 1_000, maxMs: 60_000 },
  timeoutMs: 30_000,
  key: ({ saleId }) => saleId,
})

/** Reads an uploaded CSV file into the catalogue. One at a time, so that a later file wins over an earlier one. */
export const importCatalogue = defineJob('catalogue.import', {
  input: z.object({ importId: z.string() }),
  retry: { maxAttempts: 4, firstMs: 1_000, maxMs: 30_000 },
  timeoutMs: 300_000,
  key: () => 'catalogue',
})

/** How far an import is. */
export interface ImportProgress {
  readonly rows: number
  readonly stored: number
}
