import { injectable } from 'inversify'
import { BlobStorage } from '@pdvend/ports'
import { departmentPicture, type CatalogueView } from '../contracts/api.js'
import { categoryIds } from '../domain/category.js'
import { Catalogue } from './catalogue.js'

/** Pictures' URLs are good for twice as long as they are handed out, so that no till ever holds one that has ended. */
const EPOCH_MS = 3 * 3_600_000

/** The catalogue for a till, signed picture URLs included; the same view until a product or the URLs' epoch changes. */
@injectable()
export class ShowCatalogue {
  #view: { readonly tag: string; readonly view: Promise<CatalogueView> } | undefined

  constructor(
    private readonly catalogue: Catalogue,
    private readonly blobs: BlobStorage,
  ) {}

  /** `tag` names the view's state; fetch `view` only when the caller does not have it yet. */
  async current(now = Date.now()): Promise<{ readonly tag: string; readonly view: Promise<CatalogueView> }> {
    const { version, products } = await this.catalogue.read()
    const tag = `${version}.${Math.floor(now / EPOCH_MS)}`
    if (this.#view?.tag === tag) return this.#view
    const list = [...products.values()]
    const keys = new Set([...categoryIds.map(departmentPicture), ...list.flatMap(({ picture }) => picture ?? [])])
    const view = Promise.all(
      [...keys].map(async (key) => [key, (await this.blobs.sign.get(key, { ttlMs: 2 * EPOCH_MS })).url] as const),
    ).then((pictures) => ({ version, products: list, pictures: Object.fromEntries(pictures) }))
    view.catch(() => (this.#view = undefined))
    this.#view = { tag, view }
    return this.#view
  }
}
