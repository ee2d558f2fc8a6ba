import { connectDevice, type Device, type DeviceStatus, indexedDbStore } from '@pdvend/device'
import type { DeviceConnection } from '@pdvend/ports/wire'
import { catalogueChanged, priceChanged, receiptReady, receiptShown } from '../../src/contracts/messages.js'
import { addToBasket, basketTotal, repriced, setQuantity, type Basket, type Thousandths } from '../../src/domain/basket.js'
import { formatCents, type Cents } from '../../src/domain/money.js'
import type { Payment } from '../../src/domain/payment.js'
import type { Product } from '../../src/domain/product.js'
import type { SaleRequest } from '../../src/domain/sale.js'
import { api, Refused, Unreachable } from '../shared/api.js'
import { keep, keptJson } from '../shared/keep.js'
import { labels } from '../shared/labels.js'
import { announce, notify } from '../shared/notices.js'
import { Store } from '../shared/store.js'
import { newSaleId } from './till-name.js'

/** A receipt that this till was told of. */
export interface ReceiptNote {
  readonly saleId: string
  readonly totalCents: Cents
}

export type SaleStep =
  | { readonly step: 'none' }
  | { readonly step: 'sending' }
  | { readonly step: 'unreachable' }
  | { readonly step: 'refused'; readonly why: string }
  | { readonly step: 'done'; readonly saleId: string; readonly totalCents: Cents; readonly changeCents: Cents }

/** What outlives the page, and is one for all windows of a till. */
interface KeptState {
  readonly basket: Basket
  /** The sale that was sent and not yet answered: the same one is sent again, so that it cannot be sold twice. */
  readonly pending: SaleRequest | undefined
  readonly receipts: readonly ReceiptNote[]
}

export interface TillState extends KeptState {
  readonly till: string
  readonly status: DeviceStatus
  readonly products: readonly Product[]
  readonly byEan: ReadonlyMap<string, Product>
  readonly pictures: Readonly<Record<string, string>>
  readonly catalogue: 'loading' | 'ready' | 'failed'
  readonly sale: SaleStep
  /** Products whose price changed just now. */
  readonly fresh: ReadonlySet<string>
}

const MAX_RECEIPTS = 20
const CATALOGUE_RETRY_MS = 3_000

/** What the till knows and does; the components only show it. */
export class Till {
  readonly store: Store<TillState>
  #device: Device | undefined
  #etag: string | undefined
  #loading: Promise<void> | undefined
  #loadAgain: ReturnType<typeof setTimeout> | undefined

  constructor(readonly name: string) {
    this.store = new Store<TillState>({
      till: name,
      status: 'connecting',
      products: [],
      byEan: new Map(),
      pictures: {},
      catalogue: 'loading',
      sale: { step: 'none' },
      ...keptState(name),
      fresh: new Set(),
    })
  }

  start(): void {
    void this.loadCatalogue()
    const device = connectDevice({
      connection: () => api.connection<DeviceConnection>(this.name),
      store: indexedDbStore(`pos-${this.name}`),
      reconnect: { maxMs: 5_000 },
    })
    device.on(priceChanged, (message) => this.#takePrice(message))
    device.on(catalogueChanged, () => this.#loadAnew())
    device.on(receiptReady, (message) => this.#takeReceipt(message))
    device.onResync(() => void this.loadCatalogue())
    device.onStatus((status) => this.#takeStatus(status))
    this.#device = device
    // The browser knows of a pulled cable at once, the connection only when it has been silent for a while.
    addEventListener('offline', () => this.#takeStatus('offline'))
    addEventListener('online', () => {
      device.resume()
      this.#takeStatus(device.status)
    })
    // Another window of this till sold, or heard of a receipt.
    addEventListener('storage', ({ key }) => {
      if (key?.endsWith(`.${this.name}`)) this.store.set(keptState(this.name))
    })
  }

  /** Makes this window the till again after another one took it. */
  takeOver(): void {
    this.#device?.resume()
  }

  loadCatalogue(): Promise<void> {
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined))
    return this.#loading
  }

  add(product: Product, quantity?: Thousandths): void {
    this.#setBasket(addToBasket(this.store.state.basket, product, quantity))
    announce(labels().added(product.name, formatCents(basketTotal(this.store.state.basket))))
  }

  setQuantity(ean: string, quantity: Thousandths): void {
    this.#setBasket(setQuantity(this.store.state.basket, ean, quantity))
  }

  clear(): void {
    this.#setBasket([])
  }

  /** Sells the basket; not while an earlier sale has no answer. */
  async pay(payment: Payment): Promise<void> {
    if (this.store.state.pending !== undefined) return
    const lines = this.store.state.basket.map(({ ean, quantity, cents }) => ({ ean, quantity, cents }))
    const request: SaleRequest = { saleId: newSaleId(), till: this.name, lines, payment }
    keep(`pending.${this.name}`, JSON.stringify(request))
    this.store.set({ pending: request })
    await this.retry()
  }

  /** Sends the pending sale, for the first time or again. */
  async retry(): Promise<void> {
    const { pending, sale } = this.store.state
    if (pending === undefined || sale.step === 'sending') return
    this.store.set({ sale: { step: 'sending' } })
    try {
      const { saleId, totalCents, changeCents } = await api.sell(pending)
      this.#endPending()
      this.#setBasket([])
      this.store.set({ sale: { step: 'done', saleId, totalCents, changeCents } })
    } catch (error) {
      this.#notSold(error)
    }
  }

  /** Back to the basket. */
  nextSale(): void {
    this.store.set({ sale: { step: 'none' } })
  }

  #notSold(error: unknown): void {
    if (!(error instanceof Refused) || error.problem.status >= 500) {
      if (!(error instanceof Refused) && !(error instanceof Unreachable)) throw error
      this.store.set({ sale: { step: 'unreachable' } })
      return
    }
    this.#endPending()
    const { prices } = error.problem
    if (prices !== undefined) {
      const now = new Map(prices.map(({ ean, cents }) => [ean, cents]))
      this.#setBasket(repriced(this.store.state.basket, (ean) => now.get(ean)))
      void this.#loadAnew()
    }
    this.store.set({ sale: { step: 'refused', why: prices === undefined ? error.problem.title : labels().pricesMoved } })
  }

  #endPending(): void {
    keep(`pending.${this.name}`, undefined)
    this.store.set({ pending: undefined })
  }

  #setBasket(basket: Basket): void {
    keep(`basket.${this.name}`, basket.length === 0 ? undefined : JSON.stringify(basket))
    this.store.set({ basket })
  }

  async #load(): Promise<void> {
    try {
      const found = await api.catalogue(this.#etag)
      if (found === undefined) return
      this.#etag = found.etag
      this.#setProducts(found.view.products)
      this.store.set({ pictures: found.view.pictures, catalogue: 'ready' })
    } catch (error) {
      if (this.store.state.catalogue !== 'ready') this.store.set({ catalogue: 'failed' })
      clearTimeout(this.#loadAgain)
      this.#loadAgain = setTimeout(() => void this.loadCatalogue(), CATALOGUE_RETRY_MS)
      if (!(error instanceof Unreachable) && !(error instanceof Refused)) throw error
    }
  }

  #setProducts(products: readonly Product[]): void {
    const byEan = new Map(products.map((product) => [product.ean, product]))
    this.store.set({ products, byEan })
    this.#reprice()
  }

  #reprice(): void {
    const { basket, byEan } = this.store.state
    const next = repriced(basket, (ean) => byEan.get(ean)?.cents)
    if (next.some((line, at) => line !== basket[at])) this.#setBasket(next)
  }

  async #takePrice({ ean, name, cents, revision }: { ean: string; name: string; cents: Cents; revision: number }): Promise<void> {
    // The catalogue under way may be from before the change, and would bring the old price back.
    await this.#loading
    const known = this.store.state.byEan.get(ean)
    // An older message than what the catalogue already says.
    if (known === undefined || known.revision >= revision) return
    this.#etag = undefined
    this.#setProducts(this.store.state.products.map((product) => (product.ean === ean ? { ...product, cents, revision } : product)))
    this.store.set(({ fresh }) => ({ fresh: new Set([...fresh, ean]) }))
    notify('info', labels().priceNow(name, formatCents(cents)))
  }

  async #loadAnew(): Promise<void> {
    // One that is under way may have begun before the change.
    await this.#loading
    await this.loadCatalogue()
  }

  #takeReceipt({ saleId, totalCents }: ReceiptNote): void {
    const receipts = [{ saleId, totalCents }, ...this.store.state.receipts.filter((note) => note.saleId !== saleId)].slice(0, MAX_RECEIPTS)
    keep(`receipts.${this.name}`, JSON.stringify(receipts))
    this.store.set({ receipts })
    announce(labels().receiptReady)
    // Kept by the device until the shop has it; nothing to do here if it never does.
    this.#device?.send(receiptShown, { saleId }).catch(() => undefined)
  }

  #takeStatus(status: DeviceStatus): void {
    const before = this.store.state.status
    this.store.set({ status })
    if (status === 'online' && before !== 'online') this.#backOnline()
  }

  /** Whatever was missed beyond the messages' time to live is in the catalogue; and a sale that got no answer goes out again. */
  #backOnline(): void {
    void this.loadCatalogue()
    void this.retry()
  }
}

function keptState(till: string): KeptState {
  return {
    basket: keptJson<Basket>(`basket.${till}`) ?? [],
    pending: keptJson<SaleRequest>(`pending.${till}`),
    receipts: keptJson<readonly ReceiptNote[]>(`receipts.${till}`) ?? [],
  }
}
