import type { ListedStore, StoreItem, StorePage, StoreQuery } from '../src/listing.js'
import { compareBytes, type Names } from '../src/names.js'

/** Names as a store lists them. A start within a folder hides it from a listing by folders, as it does on the stores that were measured. */
export class FakeStore implements ListedStore {
  pages = 0
  readonly #names: string[]
  readonly #tails = new Map<string, string>()

  constructor(names: Names, keys: Iterable<string>, foreign: readonly string[] = []) {
    const stored = [...keys].map((key) => names.encode(key))
    for (const { name, tail } of stored) if (tail !== undefined) this.#tails.set(name, tail)
    this.#names = [...stored.map(({ name }) => name), ...foreign].sort(compareBytes)
  }

  get names(): readonly string[] {
    return this.#names
  }

  async page({ prefix, delimiter, startAfter, limit }: StoreQuery): Promise<StorePage> {
    this.pages++
    const items: StoreItem[] = []
    const from = startAfter ?? ''
    for (const name of this.#names) {
      if (!name.startsWith(prefix)) continue
      const at = delimiter === undefined ? -1 : name.indexOf(delimiter, prefix.length)
      const item: StoreItem =
        at < 0 ? { name, sizeBytes: 1, etag: 'x', modifiedAt: new Date(0) } : { name: name.slice(0, at + 1), common: true }
      if (compareBytes(item.name, from) <= 0 || items.at(-1)?.name === item.name) continue
      if (items.length === limit) return { items, more: true }
      items.push(item)
    }
    return { items, more: false }
  }

  async tail(name: string): Promise<string | undefined> {
    return this.#tails.get(name)
  }
}
