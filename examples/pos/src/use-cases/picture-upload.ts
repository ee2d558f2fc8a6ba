import { injectable } from 'inversify'
import { BlobStorage, newId, PortError, PushNotifications, type SignedForm } from '@pdvend/ports'
import { catalogueChanged } from '../contracts/messages.js'
import type { Product } from '../domain/product.js'
import { Catalogue } from './catalogue.js'
import { pictureFolder } from './keys.js'

/** Largest picture in bytes; the page makes larger ones smaller before it sends them. */
const MAX_PICTURE_BYTES = 2 * 1024 * 1024

/** No SVG: it can hold scripts, and the picture comes from outside. */
export const pictureTypes = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' } as const

export type PictureType = keyof typeof pictureTypes

/** A product's own picture: the page posts it straight to the store, then says so. */
@injectable()
export class PictureUpload {
  constructor(
    private readonly blobs: BlobStorage,
    private readonly catalogue: Catalogue,
    private readonly push: PushNotifications,
  ) {}

  /** A form that is good for five minutes; undefined when there is no such product. */
  async form(ean: string, contentType: PictureType): Promise<{ key: string; form: SignedForm } | undefined> {
    if (!(await this.catalogue.read()).products.has(ean)) return undefined
    const key = `${pictureFolder}${ean}/${newId()}.${pictureTypes[contentType]}`
    const form = await this.blobs.sign.post(key, { contentType, minBytes: 1, maxBytes: MAX_PICTURE_BYTES, ttlMs: 300_000 })
    return { key, form }
  }

  /** Shows the uploaded picture from now on. `notAPicture`: it is deleted again. */
  async accept(ean: string, key: string): Promise<Product | 'unknownProduct' | 'unknownUpload' | 'notAPicture'> {
    if (!key.startsWith(`${pictureFolder}${ean}/`)) return 'unknownUpload'
    const verdict = await this.#look(key)
    if (verdict !== 'picture') return verdict
    const changed = await this.catalogue.change(ean, (product) => ({ ...product, picture: key }))
    if (changed === undefined) return 'unknownProduct'
    const { before, after } = changed
    await this.push.publish({ all: true }, catalogueChanged, { reason: 'picture' }, { replaceKey: 'catalogue' })
    if (before.picture !== undefined && before.picture !== key) await this.blobs.delete(before.picture)
    return after
  }

  async #look(key: string): Promise<'picture' | 'unknownUpload' | 'notAPicture'> {
    try {
      await using reader = await this.blobs.get(key, { range: { offset: 0, length: 16 } })
      if (looksLikePicture(await reader.bytes())) return 'picture'
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return 'unknownUpload'
      if (!PortError.is(error, 'RANGE_NOT_SATISFIABLE')) throw error
    }
    await this.blobs.delete(key)
    return 'notAPicture'
  }
}

/** By the first bytes, whatever the upload called itself. */
function looksLikePicture(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString('latin1')
  return (
    text.startsWith('\x89PNG\r\n\x1a\n') || text.startsWith('\xff\xd8\xff') || (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP')
  )
}
