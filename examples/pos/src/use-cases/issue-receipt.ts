import { injectable } from 'inversify'
import { BlobStorage, discard, PortError, PushNotifications, Telemetry } from '@pdvend/ports'
import { receiptIssued } from '../contracts/events.js'
import { receiptReady } from '../contracts/messages.js'
import { fillFooter, unknownFields } from '../domain/receipt.js'
import type { Sale } from '../domain/sale.js'
import { receiptKey, saleKey } from './keys.js'
import { ReceiptLayouts } from './receipt-layouts.js'
import { ReceiptPrinter } from './receipt-printer.js'

/** The job `receipt.issue`: renders, stores, tells the till. Run twice it stores the same receipt and the till hears of it once. */
@injectable()
export class IssueReceipt {
  constructor(
    private readonly blobs: BlobStorage,
    private readonly push: PushNotifications,
    private readonly telemetry: Telemetry,
    private readonly layouts: ReceiptLayouts,
    private readonly printer: ReceiptPrinter,
  ) {}

  async run(saleId: string, signal?: AbortSignal): Promise<void> {
    const call = signal === undefined ? {} : { signal }
    const sale = await this.#sale(saleId)
    const layout = await this.layouts.read()
    const footer = fillFooter(layout, sale)
    // Trying again cannot mend the shop's text: to the dead letters at once, until somebody corrects it and redrives.
    if (footer === undefined) throw discard(`the receipt's footer has unknown fields: ${unknownFields(layout.footer).join(', ')}`)

    const pdf = await this.printer.print(sale, { storeName: layout.storeName, footer })
    const stored = await this.blobs.put(receiptKey(saleId), pdf, { contentType: 'application/pdf', metadata: { till: sale.till }, ...call })

    const { till, totalCents, at } = sale
    const body = { saleId, totalCents, sizeBytes: stored.sizeBytes }
    await this.push.publish({ device: till }, receiptReady, body, { id: `receipt-${saleId}`, ...call })
    const sinceSaleMs = Math.max(0, Date.now() - Date.parse(at))
    const event = { saleId, till, sizeBytes: stored.sizeBytes, sinceSaleMs }
    await this.telemetry.emitAndWait(receiptIssued, event, 'spooled', { id: `receipt-${saleId}`, key: till, ...call })
  }

  async #sale(saleId: string): Promise<Sale> {
    try {
      await using reader = await this.blobs.get(saleKey(saleId))
      return await reader.json<Sale>()
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) throw discard(`there is no sale ${saleId}`)
      throw error
    }
  }
}
