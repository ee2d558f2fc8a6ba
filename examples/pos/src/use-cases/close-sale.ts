import { injectable } from 'inversify'
import { BlobStorage, JobQueue, PortError, Telemetry } from '@pdvend/ports'
import { saleClosed } from '../contracts/events.js'
import { issueReceipt } from '../contracts/jobs.js'
import { closeSale, isSaleOf, type Sale, type SaleRefusal, type SaleRequest } from '../domain/sale.js'
import { Catalogue } from './catalogue.js'
import { saleKey } from './keys.js'

export type CloseSaleResult =
  { readonly sale: Sale; readonly repeated: boolean } | { readonly refusal: SaleRefusal | { readonly reason: 'otherSaleUnderThisId' } }

/** Longest wait for the event to be on disk, in milliseconds. */
const SPOOL_MS = 2_000

/**
 * Closes a sale once, however often the till asks: the sale's blob is written only if it is not there, the job has the
 * sale's id as its dedupe key, and the event has it as its id. A till that got no answer asks again and completes
 * whatever the first request left undone.
 */
@injectable()
export class CloseSale {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly blobs: BlobStorage,
    private readonly jobs: JobQueue,
    private readonly telemetry: Telemetry,
  ) {}

  async run(request: SaleRequest, now = new Date()): Promise<CloseSaleResult> {
    const { products } = await this.catalogue.read()
    const closed = closeSale(request, (ean) => products.get(ean), now)
    // A repeated request is answered from the stored sale even when prices have moved since.
    const stored = 'refusal' in closed ? await this.#stored(request.saleId) : await this.#store(closed.sale)
    if (stored === undefined) return { refusal: (closed as { refusal: SaleRefusal }).refusal }
    if (!isSaleOf(stored.sale, request)) return { refusal: { reason: 'otherSaleUnderThisId' } }
    await this.#follow(stored.sale)
    return stored
  }

  async #store(sale: Sale): Promise<{ sale: Sale; repeated: boolean } | undefined> {
    try {
      await this.blobs.put(saleKey(sale.saleId), JSON.stringify(sale), { contentType: 'application/json', if: { create: true } })
      return { sale, repeated: false }
    } catch (error) {
      if (PortError.is(error, 'PRECONDITION_FAILED', 'ALREADY_EXISTS')) return this.#stored(sale.saleId)
      throw error
    }
  }

  async #stored(saleId: string): Promise<{ sale: Sale; repeated: boolean } | undefined> {
    try {
      await using reader = await this.blobs.get(saleKey(saleId))
      return { sale: await reader.json<Sale>(), repeated: true }
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  async #follow({ saleId, till, at, totalCents, lines, payment }: Sale): Promise<void> {
    const event = { saleId, till, totalCents, lines: lines.length, method: payment.method }
    const options = { id: `sale-${saleId}`, at: new Date(at), key: till, timeoutMs: SPOOL_MS }
    await Promise.all([
      // On disk before the till hears of its sale, so that a power cut loses no row. A sale never fails for its event:
      // what cannot be stored is in telemetry's own ledger.
      this.telemetry.emitAndWait(saleClosed, event, 'spooled', options).catch(() => undefined),
      this.jobs.enqueue(issueReceipt, { saleId, till }, { dedupeKey: saleId }),
    ])
  }
}
