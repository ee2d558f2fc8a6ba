import { createHash } from 'node:crypto'
import { injectable } from 'inversify'
import { BlobStorage } from '@pdvend/ports'
import { withOffer, type Product, type ProductOffer } from '../domain/product.js'

/** The catalogue as it is right now. */
export interface CatalogueSnapshot {
  /** Changes with each change of any product. */
  readonly version: string
  readonly products: ReadonlyMap<string, Product>
}

export interface StoreResult {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
}

/** Products are spread over this many blobs: an edit rewrites one small blob, and edits of different products seldom meet. */
const SHARDS = 32

const FOLDER = 'catalogue/'

interface Shard {
  readonly etag: string
  readonly products: readonly Product[]
}

/**
 * The shop's products, kept as JSON blobs. One listing tells which of them changed, so that every process of the app sees
 * every change at its next read, and reads only what changed. Writes compare and swap, so that no edit undoes another.
 */
@injectable()
export class Catalogue {
  readonly #shards = new Map<string, Shard>()
  #snapshot: CatalogueSnapshot = { version: versionOf(new Map()), products: new Map() }
  #running: Promise<CatalogueSnapshot> | undefined
  #next: Promise<CatalogueSnapshot> | undefined

  constructor(private readonly blobs: BlobStorage) {}

  /** The catalogue with every change that was stored before this call. Calls that overlap share the work. */
  read(): Promise<CatalogueSnapshot> {
    if (this.#running === undefined) return this.#start()
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#next
  }

  /** Changes one product; gives it before and after, or undefined when there is none. */
  async change(
    ean: string,
    edit: (product: Product) => Omit<Product, 'revision'>,
  ): Promise<{ before: Product; after: Product } | undefined> {
    let outcome: { before: Product; after: Product } | undefined
    if (!(await this.read()).products.has(ean)) return undefined
    await this.#update(shardKey(ean), (products) => {
      const before = products.get(ean)
      outcome = before && { before, after: { ...edit(before), revision: before.revision + 1 } }
      if (outcome) products.set(ean, outcome.after)
    })
    return outcome
  }

  /** Adds and changes products; `onStored` hears how many are stored so far. Storing the same offers again changes nothing. */
  async store(offers: readonly ProductOffer[], onStored: (count: number) => Promise<void>): Promise<StoreResult> {
    const result = { added: 0, changed: 0, unchanged: 0 }
    let stored = 0
    for (const [key, group] of byShard(offers)) {
      const counted = { added: 0, changed: 0, unchanged: 0 }
      await this.#update(key, (products) => {
        Object.assign(counted, { added: 0, changed: 0, unchanged: 0 })
        for (const offer of group) {
          const before = products.get(offer.ean)
          const after = withOffer(before, offer)
          counted[before === undefined ? 'added' : before === after ? 'unchanged' : 'changed'] += 1
          products.set(offer.ean, after)
        }
      })
      result.added += counted.added
      result.changed += counted.changed
      result.unchanged += counted.unchanged
      stored += group.length
      await onStored(stored)
    }
    return result
  }

  #update(key: string, edit: (products: Map<string, Product>) => void): Promise<unknown> {
    return this.blobs.update(key, async (current) => {
      const products = new Map((current ? await current.json<Product[]>() : []).map((product) => [product.ean, product]))
      edit(products)
      return JSON.stringify([...products.values()])
    })
  }

  #start(): Promise<CatalogueSnapshot> {
    this.#next = undefined
    this.#running = this.#refresh().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #refresh(): Promise<CatalogueSnapshot> {
    const listed = new Set<string>()
    const stale: string[] = []
    for await (const entry of this.blobs.list({ prefix: FOLDER, pageSize: 100 })) {
      if (entry.kind !== 'blob') continue
      listed.add(entry.key)
      if (this.#shards.get(entry.key)?.etag !== entry.etag) stale.push(entry.key)
    }
    const gone = [...this.#shards.keys()].filter((key) => !listed.has(key))
    for (const key of gone) this.#shards.delete(key)
    await Promise.all(stale.map((key) => this.#load(key)))
    if (stale.length + gone.length > 0) this.#snapshot = this.#merged()
    return this.#snapshot
  }

  async #load(key: string): Promise<void> {
    await using reader = await this.blobs.get(key)
    this.#shards.set(key, { etag: reader.info.etag, products: await reader.json<Product[]>() })
  }

  #merged(): CatalogueSnapshot {
    const products = [...this.#shards.values()].flatMap((shard) => shard.products)
    products.sort((a, b) => a.name.localeCompare(b.name, 'pt-BR'))
    return { version: versionOf(this.#shards), products: new Map(products.map((product) => [product.ean, product])) }
  }
}

function byShard(offers: readonly ProductOffer[]): ReadonlyMap<string, readonly ProductOffer[]> {
  const groups = new Map<string, ProductOffer[]>()
  for (const offer of offers) {
    const key = shardKey(offer.ean)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [offer])
    else group.push(offer)
  }
  return groups
}

function shardKey(ean: string): string {
  const shard = createHash('sha256').update(ean).digest().readUInt32BE(0) % SHARDS
  return `${FOLDER}${String(shard).padStart(2, '0')}.json`
}

function versionOf(shards: ReadonlyMap<string, Shard>): string {
  const hash = createHash('sha256')
  for (const [key, { etag }] of [...shards].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${key} ${etag}\n`)
  return hash.digest('base64url').slice(0, 16)
}
