import type { DeadQuery, DriverCall, DriverDeadJob, DriverDeadPage } from '@pdvend/ports'
import { keysBelow, namesOf } from './keys.js'
import { decodeLetter, encodeLetter } from './letter.js'
import type { BucketStore, DeadLetterBox, FiledLetter } from './types.js'

/** Letters that are fetched at once. */
const AT_ONCE = 25
/** Letters that one page looks into at most, where most do not fit the query: it then ends early, with a cursor. */
const MAX_READ = 1_000
/** A page ends with the letter that brings its payloads above it, in bytes. */
const MAX_PAGE_BYTES = 16 * 1_048_576
/** Ids whose objects are remembered from the last pages: a redrive or a discard names ids alone. */
const MAX_KNOWN = 10_000
const TIME_DIGITS = 15

/** Where a letter is in the order of all: by time, then name, then id. */
interface Place {
  readonly diedAt: number
  readonly name: string
  readonly id: string
}

type Query = DeadQuery & DriverCall & { readonly cursor?: string; readonly limit: number }

/**
 * One object a letter, `dead/<name>/<time of death>-<id>`: a name's letters are listed in the order of their deaths, and those of
 * several names are merged. Times and ids are found by the key alone; a key, reason or error needs the object.
 */
export class DeadLetters implements DeadLetterBox {
  readonly #known = new Map<string, readonly string[]>()

  constructor(private readonly store: BucketStore) {}

  async file(letter: DriverDeadJob, call: DriverCall): Promise<void> {
    const object = objectOf({ diedAt: letter.diedAt, name: letter.job.name, id: letter.job.id })
    await this.store.put(object, encodeLetter(letter), call)
  }

  async list(query: Query): Promise<DriverDeadPage> {
    const { limit } = query
    const jobs: DriverDeadJob[] = []
    let bytes = 0
    let read = 0
    let last: Place | undefined
    for await (const places of chunks(this.#places(query), Math.min(limit, AT_ONCE))) {
      const letters = await Promise.all(places.map((place) => this.#read(objectOf(place), query)))
      for (const [index, letter] of letters.entries()) {
        last = places[index]
        if (letter === undefined || !fits(letter, query)) continue
        jobs.push(letter)
        bytes += letter.job.payload.byteLength
        this.#know(letter.job.id, objectOf(last!))
        if (jobs.length === limit || bytes > MAX_PAGE_BYTES) return { jobs, cursor: JSON.stringify(last) }
      }
      read += places.length
      if (read >= MAX_READ) return { jobs, cursor: JSON.stringify(last) }
    }
    return { jobs }
  }

  /** What was remembered of an id may be gone, and it may have died again: then all names are looked through. */
  async byIds(ids: readonly string[], call: DriverCall): Promise<readonly FiledLetter[]> {
    const letters = await this.#readAll(
      ids.flatMap((id) => this.#known.get(id) ?? []),
      call,
    )
    const unknown = ids.filter((id) => !letters.some(({ job }) => job.id === id))
    if (unknown.length === 0) return letters
    const objects: string[] = []
    for await (const place of this.#places({ ids: unknown, ...call })) objects.push(objectOf(place))
    return [...letters, ...(await this.#readAll(objects, call))]
  }

  async remove({ object, job }: FiledLetter, call: DriverCall): Promise<void> {
    await this.store.delete(object, call)
    this.#known.delete(job.id)
  }

  async count(names: readonly string[] | undefined, call: DriverCall): Promise<number> {
    let count = 0
    for (const prefix of names?.map((name) => `dead/${name}/`) ?? ['dead/'])
      for await (const keys of keysBelow(this.store, prefix, {}, call)) count += keys.length
    return count
  }

  async #readAll(objects: readonly string[], call: DriverCall): Promise<FiledLetter[]> {
    const letters: FiledLetter[] = []
    for (let at = 0; at < objects.length; at += AT_ONCE) {
      const some = objects.slice(at, at + AT_ONCE)
      const read = await Promise.all(some.map((object) => this.#read(object, call)))
      read.forEach((letter, index) => letter !== undefined && letters.push({ ...letter, object: some[index]! }))
    }
    return letters
  }

  async #read(object: string, call: DriverCall): Promise<DriverDeadJob | undefined> {
    const found = await this.store.get(object, call)
    return found === undefined ? undefined : decodeLetter(found.bytes)
  }

  /** What fits the query as far as keys tell, oldest first. */
  async *#places(query: DeadQuery & DriverCall & { readonly cursor?: string }): AsyncGenerator<Place, void, void> {
    const after = query.cursor === undefined ? undefined : (JSON.parse(query.cursor) as Place)
    const ids = query.ids === undefined ? undefined : new Set(query.ids)
    const names = query.name === undefined ? await namesOf(this.store, 'dead', query) : [query.name]
    const lines = await Promise.all(
      names.map(async (name) => {
        const places = this.#placesOf(name, query, after)
        return { places, head: await places.next() }
      }),
    )
    for (;;) {
      const open = lines.filter(({ head }) => head.done !== true)
      if (open.length === 0) return
      const next = open.reduce((first, each) => (inOrder(each.head.value!, first.head.value!) < 0 ? each : first))
      const place = next.head.value!
      next.head = await next.places.next()
      if (ids === undefined || ids.has(place.id)) yield place
    }
  }

  async *#placesOf(
    name: string,
    { signal, from, to }: DeadQuery & DriverCall,
    after: Place | undefined,
  ): AsyncGenerator<Place, void, void> {
    const prefix = `dead/${name}/`
    const begin = Math.max(from?.getTime() ?? 0, after?.diedAt ?? 0)
    for await (const keys of keysBelow(this.store, prefix, { after: prefix + timeText(begin) }, { signal })) {
      for (const key of keys) {
        const place = placeOf(name, key.slice(prefix.length))
        if (place.diedAt > (to?.getTime() ?? Number.POSITIVE_INFINITY)) return
        if (after === undefined || inOrder(place, after) > 0) yield place
      }
    }
  }

  #know(id: string, object: string): void {
    const known = this.#known.get(id) ?? []
    this.#known.delete(id)
    this.#known.set(id, known.includes(object) ? known : [...known, object])
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!)
  }
}

function fits({ job, reason, errors }: DriverDeadJob, query: DeadQuery): boolean {
  return (
    (query.key === undefined || job.key === query.key) &&
    (query.reason === undefined || reason === query.reason) &&
    (query.error === undefined || errors.some((line) => line.includes(query.error!)))
  )
}

function objectOf({ diedAt, name, id }: Place): string {
  return `dead/${name}/${timeText(diedAt)}-${encodeURIComponent(id)}`
}

function placeOf(name: string, text: string): Place {
  return { diedAt: Number(text.slice(0, TIME_DIGITS)), name, id: decodeURIComponent(text.slice(TIME_DIGITS + 1)) }
}

/** As sortable text; a time before 1970 is that of the epoch. */
function timeText(ms: number): string {
  return String(Math.max(0, Math.ceil(ms))).padStart(TIME_DIGITS, '0')
}

function inOrder(a: Place, b: Place): number {
  return a.diedAt - b.diedAt || compare(a.name, b.name) || compare(encodeURIComponent(a.id), encodeURIComponent(b.id))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

async function* chunks<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[], void, void> {
  let chunk: T[] = []
  for await (const item of items) {
    chunk.push(item)
    if (chunk.length < size) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
