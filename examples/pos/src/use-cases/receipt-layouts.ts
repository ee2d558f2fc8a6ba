import { injectable } from 'inversify'
import { BlobStorage, PortError } from '@pdvend/ports'
import { defaultLayout, type ReceiptLayout } from '../domain/receipt.js'
import { layoutKey } from './keys.js'

/** The receipt's layout, which the back office edits. */
@injectable()
export class ReceiptLayouts {
  constructor(private readonly blobs: BlobStorage) {}

  async read(): Promise<ReceiptLayout> {
    try {
      await using reader = await this.blobs.get(layoutKey)
      return await reader.json<ReceiptLayout>()
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return defaultLayout
      throw error
    }
  }

  async write(layout: ReceiptLayout): Promise<void> {
    await this.blobs.put(layoutKey, JSON.stringify(layout), { contentType: 'application/json' })
  }
}
