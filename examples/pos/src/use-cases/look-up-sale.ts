import { injectable } from 'inversify'
import { BlobStorage, PortError } from '@pdvend/ports'
import type { SaleStatus } from '../contracts/api.js'
import type { Sale } from '../domain/sale.js'
import { receiptKey, saleKey } from './keys.js'

/** Where a sale and its receipt stand. */
@injectable()
export class LookUpSale {
  constructor(private readonly blobs: BlobStorage) {}

  async status(saleId: string): Promise<SaleStatus | undefined> {
    const [sale, receipt] = await Promise.all([this.#sale(saleId), this.#receipt(saleId)])
    if (sale === undefined) return undefined
    const { totalCents, changeCents, at, till } = sale
    return { saleId, totalCents, changeCents, at, till, receipt, repeated: false }
  }

  /** A signed URL of the receipt, good for five minutes, that opens in the browser; undefined when it is not there (yet). */
  async receiptUrl(saleId: string): Promise<string | undefined> {
    return (await this.#receipt(saleId))?.url
  }

  async #sale(saleId: string): Promise<Sale | undefined> {
    try {
      await using reader = await this.blobs.get(saleKey(saleId))
      return await reader.json<Sale>()
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  async #receipt(saleId: string): Promise<SaleStatus['receipt']> {
    try {
      const { sizeBytes } = await this.blobs.head(receiptKey(saleId))
      const contentDisposition = `inline; filename="recibo-${saleId}.pdf"`
      const { url } = await this.blobs.sign.get(receiptKey(saleId), { ttlMs: 300_000, contentDisposition })
      return { sizeBytes, url }
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return null
      throw error
    }
  }
}
