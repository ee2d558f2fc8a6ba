import type { Sale } from '../domain/sale.js'

/** What a receipt says around its lines, fields filled. */
export interface ReceiptTexts {
  readonly storeName: string
  readonly footer: string
}

/** Turns a sale into a document; the app's `main` says which one. The class is its own identifier for the container. */
export abstract class ReceiptPrinter {
  /** A PDF. The same sale and texts give the same bytes. */
  abstract print(sale: Sale, texts: ReceiptTexts): Promise<Uint8Array>
}
