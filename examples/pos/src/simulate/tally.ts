import { Latencies } from './latencies.js'

/** What happened, as the tills saw it. */
export class Tally {
  /** Sale ids that the shop has confirmed. */
  readonly sold = new Map<string, { readonly till: string; readonly soldAt: number }>()
  /** Receipts by sale id, and how often each was handled: once is right. */
  readonly receipts = new Map<string, number>()
  /** The last revision of each product whose price was changed. */
  readonly prices = new Map<string, { readonly revision: number }>()
  /** When the last change of each product's price was asked for: its push may come before the answer. */
  readonly priceAskedAt = new Map<string, number>()
  readonly saleMs = new Latencies()
  readonly receiptMs = new Latencies()
  readonly priceMs = new Latencies()
  cents = 0
  repeatedSales = 0
  retries = 0
  repriced = 0
  priceChanges = 0
  pricePushes = 0
  absences = 0
  readonly failures: string[] = []
}
