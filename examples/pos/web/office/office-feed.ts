import type { CatalogueView, OfficeView } from '../../src/contracts/api.js'
import type { Product } from '../../src/domain/product.js'
import { api } from '../shared/api.js'
import { Store } from '../shared/store.js'

export interface OfficeState {
  readonly view: OfficeView | undefined
  /** `late`: connected, but the server could not read everything. */
  readonly link: 'connecting' | 'live' | 'late' | 'lost'
  readonly catalogue: CatalogueView | undefined
}

/** Wait before a refused stream is asked for again, in milliseconds. */
const REFUSED_MS = 2_000

/** What the server tells the back office, as it comes. */
export class OfficeFeed {
  readonly store = new Store<OfficeState>({ view: undefined, link: 'connecting', catalogue: undefined })
  #etag: string | undefined
  #loading = Promise.resolve()

  start(): void {
    const source = new EventSource('/api/office/stream')
    source.addEventListener('office', (event: MessageEvent<string>) => {
      const view = JSON.parse(event.data) as OfficeView
      this.store.set({ view, link: 'live' })
      if (this.#etag !== view.catalogue) void this.loadCatalogue()
    })
    source.addEventListener('trouble', () => this.store.set({ link: 'late' }))
    source.addEventListener('error', () => {
      this.store.set({ link: 'lost' })
      // Refused, as by a proxy whose server is away: the browser gives such a stream up.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.start(), REFUSED_MS)
    })
  }

  /** One after the other, so that an older answer never comes last. */
  loadCatalogue(): Promise<void> {
    this.#loading = this.#loading.then(() => this.#load())
    return this.#loading
  }

  /** After a change that the server has answered. */
  take(product: Product): void {
    this.store.set(({ catalogue }) =>
      catalogue === undefined
        ? {}
        : { catalogue: { ...catalogue, products: catalogue.products.map((other) => (other.ean === product.ean ? product : other)) } },
    )
  }

  async #load(): Promise<void> {
    try {
      const found = await api.catalogue(this.#etag)
      if (found === undefined) return
      this.#etag = found.etag
      this.store.set({ catalogue: found.view })
    } catch {
      this.store.set({ link: 'lost' })
    }
  }
}
