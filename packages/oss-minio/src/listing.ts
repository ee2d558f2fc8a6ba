import type { BlobEntry, DriverList, DriverPage } from '@pdvend/ports'
import { compareBytes, INSIDE, type Names } from './names.js'

/** What the store lists, in the order of its names. */
export type StoreItem =
  | { readonly name: string; readonly sizeBytes: number; readonly etag: string; readonly modifiedAt: Date }
  | { readonly name: string; readonly common: true }

export interface StoreQuery {
  readonly prefix: string
  readonly delimiter?: string
  /** Never reaches into a folder of `prefix`: see {@link rangesAfter}. */
  readonly startAfter?: string
  readonly limit: number
}

export interface StorePage {
  readonly items: readonly StoreItem[]
  readonly more: boolean
}

/** The store, as a listing needs it. */
export interface ListedStore {
  page(query: StoreQuery): Promise<StorePage>
  /** What metadata keeps of a cut name; undefined when the blob is gone. */
  tail(name: string): Promise<string | undefined>
}

/** Heads asked for at once, for cut names. */
const TAILS_AT_ONCE = 8

/** Where the next page begins: after a name, and within a run of cut names after a key. */
interface Place {
  readonly after: string
  readonly key?: string
  /** A group that was given, and whose end the names do not show. */
  readonly group?: string
}

/**
 * One page of keys. The store's order is that of the keys (see {@link Names}), so a page costs one request, with a delimiter `/`
 * too, and one more for each level of folders that ends where it begins; another delimiter costs some more for each group that does
 * not end within a page of the store. The cursor is a place, not a
 * number of keys [B83]. Names that no key has, those of other tools and our own, are left out. Cut names (keys of about 960 bytes
 * and more) cost a head each, and all that share their first 957 bytes are in memory at once, to be put in order.
 */
export async function readPage(store: ListedStore, names: Names, options: DriverList): Promise<DriverPage> {
  const { prefix, delimiter, pageSize, startAfter } = options
  const start = placeOf(names, options)
  const walk = new Walk(store, names, names.prefix(prefix), delimiter === '/' ? delimiter : undefined, start.after, pageSize)
  const entries: BlobEntry[] = []
  let place: Place = start
  let group = start.group
  const floor = start.key ?? (options.cursor === undefined ? startAfter : undefined)
  for (;;) {
    if (entries.length === pageSize) return walk.ended ? { entries } : { entries, cursor: cursorOf(place) }
    const found = await walk.next()
    if (found === undefined) return { entries }
    for (const { key, item } of found.run) {
      if (!key.startsWith(prefix) || (group !== undefined && key.startsWith(group))) continue
      const common = 'common' in item ? key : commonPrefix(key, prefix, delimiter)
      // A group that the start lies in may have keys after it; one that was given before is over.
      if (floor !== undefined && compareBytes(key, floor) <= 0 && (start.key !== undefined || !('common' in item))) continue
      if (entries.length === pageSize) return { entries, cursor: cursorOf(place) }
      if (common === undefined) {
        if ('common' in item) continue
        entries.push({ kind: 'blob', key, sizeBytes: item.sizeBytes, etag: item.etag, modifiedAt: item.modifiedAt })
        place = placeAt(found, key, item)
        continue
      }
      entries.push({ kind: 'prefix', prefix: common })
      group = common
      const past = found.isCut ? undefined : names.pastPrefix(common)
      place = past === undefined ? { ...placeAt(found, key, item), group } : { after: past }
      if (past !== undefined) walk.skipTo(past)
    }
  }
}

/** After one of a run: keys of a run are in another order than their names. */
function placeAt({ isCut, before }: Run, key: string, item: StoreItem): Place {
  return isCut || 'common' in item ? { after: before, key } : { after: item.name }
}

function placeOf(names: Names, { cursor, startAfter, prefix }: DriverList): Place {
  if (cursor !== undefined) return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as Place
  if (startAfter === undefined) return { after: '' }
  const after = names.after(startAfter)
  // A store may take a start that lies outside the prefix for the end.
  return { after: compareBytes(after, names.prefix(prefix)) < 0 ? '' : after }
}

function cursorOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

function commonPrefix(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

/** Names that must be taken together, in the order of their keys; one, but for cut names. */
interface Run {
  readonly run: readonly { readonly key: string; readonly item: StoreItem }[]
  /** The name before the first. */
  readonly before: string
  /** Cut names are among them, so that their order is not that of the names. */
  readonly isCut: boolean
}

/** A stretch of the store's names, gone through by its pages. */
interface Range {
  readonly prefix: string
  readonly startAfter?: string
  /** A name that lies exactly at the start, which a store leaves out: looked for by itself. */
  readonly exact?: string
}

/**
 * Goes through the store's names. A start that reaches into folders is taken apart, level by level from the innermost: stores lose
 * names behind such a start (found on one in November 2026: after `a/a/x` beside `a-b/` nothing came), or the folder that it lies
 * in. Continuation tokens do not help: the same store then lists what was deleted since the first page. A folder that stands for a part of a long segment is no folder of keys: it is gone into.
 */
class Walk {
  #items: StoreItem[] = []
  #at = 0
  #ranges: Range[]
  #inner: Walk | undefined
  #after: string

  constructor(
    private readonly store: ListedStore,
    private readonly names: Names,
    private readonly prefix: string,
    private readonly delimiter: string | undefined,
    after: string,
    private readonly limit: number,
  ) {
    this.#after = after
    this.#ranges = this.#rangesAfter(after)
  }

  /** Surely nothing is left. */
  get ended(): boolean {
    return this.#inner === undefined && this.#ranges.length === 0 && this.#at >= this.#items.length
  }

  /** Leaves out all that lies before `name` or is it. */
  skipTo(name: string): void {
    this.#inner?.skipTo(name)
    if (compareBytes(name, this.#after) <= 0) return
    this.#after = name
    while (this.#at < this.#items.length && compareBytes(this.#endOf(this.#items[this.#at]!), name) <= 0) this.#at++
    // Where names are left, they are beyond it; where not, the store is asked from there on.
    if (this.#at >= this.#items.length && this.#ranges.length > 0) this.#ranges = this.#rangesAfter(name)
  }

  async next(): Promise<Run | undefined> {
    for (;;) {
      const inner = await this.#inner?.next()
      if (inner !== undefined) return inner
      this.#inner = undefined
      const before = this.#after
      const item = await this.#take()
      if (item === undefined) return undefined
      if ('common' in item) {
        const common = this.names.decodePrefix(item.name)
        if (common === INSIDE) this.#inner = this.#within(item.name, before.startsWith(item.name) ? before : '', this.delimiter)
        else if (common !== undefined && (await this.#hasRest(item.name, before)))
          return { run: [{ key: common, item }], before, isCut: false }
        continue
      }
      if (this.names.isCut(item.name)) return { run: await this.#cutRun(item), before, isCut: true }
      const key = this.names.decode(item.name)
      if (key !== undefined) return { run: [{ key, item }], before, isCut: false }
    }
  }

  /** Has a folder that the start lies in a name after it? */
  async #hasRest(folder: string, after: string): Promise<boolean> {
    return !after.startsWith(folder) || (await this.#within(folder, after, undefined, 1).next()) !== undefined
  }

  #within(folder: string, after: string, delimiter: string | undefined, limit = this.limit): Walk {
    return new Walk(this.store, this.names, folder, delimiter, after, limit)
  }

  /** What is left to ask for behind a start, in order. */
  #rangesAfter(after: string): Range[] {
    const { prefix } = this
    if (after === '' || compareBytes(after, prefix) < 0) return [{ prefix }]
    if (!after.startsWith(prefix)) return []
    const base = prefix.lastIndexOf('/') + 1
    const folders = after.slice(base).split('/').slice(0, -1)
    const paths = folders.map((_, depth) => after.slice(0, base) + folders.slice(0, depth + 1).join('/'))
    const past = after.endsWith(this.names.past('/'))
    if (this.delimiter !== undefined && paths.length > 0) {
      // The folder itself comes first, as an item: what of it lies after the start is asked when it is taken.
      const [first] = paths
      this.#items = past && paths.length === 1 ? [] : [{ name: `${first!}/`, common: true }]
      this.#at = 0
      return [this.#beyond(prefix, first!)]
    }
    const innermost = paths.at(-1)
    const ranges: Range[] = past ? [] : [{ prefix: innermost === undefined ? prefix : `${innermost}/`, startAfter: after }]
    for (let depth = paths.length - 1; depth >= 0; depth--)
      ranges.push(this.#beyond(depth === 0 ? prefix : `${paths[depth - 1]!}/`, paths[depth]!))
    return ranges
  }

  /** All that has the prefix and lies after a folder; `0` follows `/`. */
  #beyond(prefix: string, folder: string): Range {
    const next = `${folder}0`
    return { prefix, startAfter: next, ...(this.names.scheme === 'plain' ? { exact: next } : {}) }
  }

  async #take(): Promise<StoreItem | undefined> {
    const item = await this.#peek()
    if (item === undefined) return undefined
    this.#at++
    this.#after = this.#endOf(item)
    return item
  }

  /** A group is over only after all names in it. */
  #endOf(item: StoreItem): string {
    return 'common' in item ? this.names.past(item.name) : item.name
  }

  async #peek(): Promise<StoreItem | undefined> {
    for (;;) {
      if (this.#at < this.#items.length) return this.#items[this.#at]
      const range = this.#ranges.shift()
      if (range === undefined) return undefined
      const delimiter = this.delimiter === undefined ? {} : { delimiter: this.delimiter }
      const found =
        range.exact === undefined
          ? []
          : (await this.store.page({ prefix: range.exact, limit: 1, ...delimiter })).items.filter(({ name }) => name === range.exact)
      const { prefix, startAfter } = range
      const page = await this.store.page({
        prefix,
        limit: this.limit,
        ...delimiter,
        ...(startAfter === undefined ? {} : { startAfter }),
      })
      const last = page.items.at(-1)
      const items = [...found, ...page.items].filter((item) => compareBytes(this.#endOf(item), this.#after) > 0)
      if (page.more && last !== undefined) this.#ranges = this.#rangesAfter(this.#endOf(last))
      this.#items = items
      this.#at = 0
    }
  }

  async #cutRun(first: StoreItem): Promise<Run['run']> {
    const head = this.names.headOf(first.name)
    const items = [first]
    for (let item = await this.#peek(); item?.name.startsWith(head) === true; item = await this.#peek()) {
      items.push(item)
      await this.#take()
    }
    const run: { key: string; item: StoreItem }[] = []
    const rest = items.values()
    const lane = async (): Promise<void> => {
      for (const item of rest) {
        const key = 'common' in item ? this.names.decodePrefix(item.name) : await this.#keyOf(item.name)
        if ('common' in item && key === INSIDE) run.push(...(await this.#within(item.name, '', this.delimiter).#all()))
        else if (key !== undefined && key !== INSIDE) run.push({ key, item })
      }
    }
    await Promise.all(Array.from({ length: TAILS_AT_ONCE }, lane))
    return run.sort((one, other) => compareBytes(one.key, other.key))
  }

  async #all(): Promise<Run['run']> {
    const all: Run['run'][number][] = []
    for (let found = await this.next(); found !== undefined; found = await this.next()) all.push(...found.run)
    return all
  }

  async #keyOf(name: string): Promise<string | undefined> {
    if (!this.names.isCut(name)) return this.names.decode(name)
    const tail = await this.store.tail(name)
    return tail === undefined ? undefined : this.names.decode(name, tail)
  }
}
