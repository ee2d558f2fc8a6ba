import type { CatalogueView, EventRow, Problem, SaleAnswer } from '../contracts/api.js'
import type { Product } from '../domain/product.js'
import type { SaleRequest } from '../domain/sale.js'

const TIMEOUT_MS = 15_000

/** An answer that is not a success. */
export class ShopRefused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.title}`)
  }
}

/** The shop's real HTTP interface. */
export class ShopClient {
  constructor(readonly base: string) {}

  catalogue(): Promise<CatalogueView> {
    return this.#json('/api/catalogue')
  }

  sell(sale: SaleRequest): Promise<SaleAnswer> {
    const headers = { 'x-telemetry-transaction-id': sale.saleId, 'x-telemetry-caller': sale.till }
    return this.#json('/api/sales', { method: 'POST', body: JSON.stringify(sale), headers })
  }

  connection<T>(device: string): Promise<T> {
    return this.#json('/api/device/connection', { method: 'POST', body: JSON.stringify({ device }) })
  }

  changePrice(ean: string, cents: number): Promise<Product> {
    return this.#json(`/api/products/${ean}/price`, { method: 'PUT', body: JSON.stringify({ cents }) })
  }

  /** undefined where the shop's telemetry cannot be read back. */
  async events(type: string, from: Date): Promise<readonly EventRow[] | undefined> {
    try {
      return await this.#json(`/api/office/events?${new URLSearchParams({ type, from: from.toISOString(), limit: '100000' })}`)
    } catch (error) {
      if (error instanceof ShopRefused && error.problem.code === 'noQuery') return undefined
      throw error
    }
  }

  /** Follows the signed URL to the store, as a browser does. */
  async receipt(saleId: string): Promise<Uint8Array> {
    const response = await fetch(new URL(`/api/receipts/${saleId}`, this.base), { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`the receipt of ${saleId}: status ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  }

  async #json<T>(path: string, init: RequestInit = {}): Promise<T> {
    const type = init.body === undefined ? {} : { 'content-type': 'application/json' }
    const headers = { ...type, ...(init.headers as Record<string, string> | undefined) }
    const response = await fetch(new URL(path, this.base), { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    const body: unknown = await response.json()
    if (!response.ok) throw new ShopRefused(body as Problem)
    return body as T
  }
}
