import { setTimeout as sleep } from 'node:timers/promises'
import { connectDevice, type Device } from '@pdvend/device'
import { fileStore } from '@pdvend/device/node'
import type { DeviceConnection } from '@pdvend/ports'
import { priceChanged, receiptReady, catalogueChanged } from '../contracts/messages.js'
import { lineTotal } from '../domain/basket.js'
import type { Product } from '../domain/product.js'
import type { SaleRequest } from '../domain/sale.js'
import { type ShopClient, ShopRefused } from './shop-client.js'
import type { Tally } from './tally.js'

const RETRY_MS = 500
const MAX_TRIES = 60
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'

/** One till: sells through HTTP, hears through push, and is away once for a while when it is told to. */
export class SimulatedTill {
  readonly #prices = new Map<string, Pick<Product, 'cents' | 'unit' | 'revision'>>()
  #device: Device | undefined

  constructor(
    readonly name: string,
    private readonly shop: ShopClient,
    private readonly tally: Tally,
    private readonly storeFile: string,
    products: readonly Product[],
  ) {
    for (const { ean, cents, unit, revision } of products) this.#prices.set(ean, { cents, unit, revision })
  }

  /** Resolves when the till is online. */
  async connect(): Promise<void> {
    const device = connectDevice({
      connection: () => this.shop.connection<DeviceConnection>(this.name),
      store: fileStore(this.storeFile),
      transport: 'tcp',
    })
    this.#device = device
    device.on(receiptReady, ({ saleId }) => this.#takeReceipt(saleId))
    device.on(priceChanged, (message) => this.#takePrice(message))
    device.on(catalogueChanged, () => undefined)
    device.onFailure((failure) => this.tally.failures.push(`${this.name} could not handle a message: ${JSON.stringify(failure)}`))
    await new Promise<void>((resolve) => {
      const look = (status: string): void => {
        if (status === 'online') resolve()
      }
      device.onStatus(look)
      look(device.status)
    })
  }

  async disconnect(): Promise<void> {
    await this.#device?.close()
    this.#device = undefined
  }

  /** Sells until `until`, `perMinute` times a minute on average; `awayMs` above 0: it is away for so long in the middle. */
  async work(until: number, perMinute: number, awayMs: number): Promise<void> {
    const awayAt = Date.now() + (until - Date.now()) * (0.3 + Math.random() * 0.3)
    let away = awayMs > 0
    while (Date.now() < until) {
      if (away && Date.now() >= awayAt) {
        away = false
        await this.disconnect()
        this.tally.absences += 1
        await sleep(awayMs)
        await this.connect()
      }
      await this.#sell()
      await sleep(Math.min((-Math.log(1 - Math.random()) * 60_000) / perMinute, Math.max(0, until - Date.now())))
    }
  }

  /** The revision of a product's price that this till knows. */
  revisionOf(ean: string): number {
    return this.#prices.get(ean)?.revision ?? 0
  }

  async #sell(): Promise<void> {
    const saleId = newSaleId()
    const eans = [...this.#prices.keys()]
    const chosen = [
      ...new Set(Array.from({ length: 1 + Math.floor(Math.random() * 8) }, () => eans[Math.floor(Math.random() * eans.length)]!)),
    ]
    const items = chosen.map((ean) => {
      const weighed = this.#prices.get(ean)!.unit === 'kg'
      return { ean, quantity: weighed ? 100 + Math.floor(Math.random() * 1_900) : 1_000 * (1 + Math.floor(Math.random() * 3)) }
    })
    const method = (['cash', 'card', 'pix'] as const)[Math.floor(Math.random() * 3)]!
    for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
      const lines = items.map(({ ean, quantity }) => ({ ean, quantity, cents: this.#prices.get(ean)!.cents }))
      const total = lines.reduce((sum, line) => sum + lineTotal(line), 0)
      const payment = method === 'cash' ? { method, receivedCents: Math.ceil(total / 1_000) * 1_000 } : { method }
      if (await this.#try({ saleId, till: this.name, lines, payment })) return
      await sleep(RETRY_MS * Math.random())
    }
    this.tally.failures.push(`${this.name} could not close sale ${saleId} in ${MAX_TRIES} tries`)
  }

  /** False: try again. */
  async #try(sale: SaleRequest): Promise<boolean> {
    const startedAt = performance.now()
    try {
      const { totalCents, repeated } = await this.shop.sell(sale)
      this.tally.saleMs.add(performance.now() - startedAt)
      this.tally.sold.set(sale.saleId, { till: this.name, soldAt: Date.now() })
      this.tally.cents += totalCents
      if (repeated) this.tally.repeatedSales += 1
      return true
    } catch (error) {
      if (error instanceof ShopRefused && error.problem.prices !== undefined) {
        this.tally.repriced += 1
        for (const { ean, cents } of error.problem.prices) this.#prices.set(ean, { ...this.#prices.get(ean)!, cents })
        return false
      }
      if (error instanceof ShopRefused && error.problem.status < 500) {
        this.tally.failures.push(`${this.name}, sale ${sale.saleId}: ${error.message}`)
        return true
      }
      this.tally.retries += 1
      return false
    }
  }

  #takeReceipt(saleId: string): void {
    this.tally.receipts.set(saleId, (this.tally.receipts.get(saleId) ?? 0) + 1)
    const sale = this.tally.sold.get(saleId)
    // It may come before the answer to the sale.
    this.tally.receiptMs.add(sale === undefined ? 0 : Date.now() - sale.soldAt)
  }

  #takePrice({ ean, cents, revision }: { ean: string; cents: number; revision: number }): void {
    this.tally.pricePushes += 1
    const known = this.#prices.get(ean)
    if (known === undefined || known.revision >= revision) return
    this.#prices.set(ean, { ...known, cents, revision })
    const askedAt = this.tally.priceAskedAt.get(ean)
    if (askedAt !== undefined) this.tally.priceMs.add(Date.now() - askedAt)
  }
}

function newSaleId(now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  const random = Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
  return `${time}-${random}`
}
