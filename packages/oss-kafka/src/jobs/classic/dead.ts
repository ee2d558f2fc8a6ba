import type { Clock, DeadQuery, DriverCall, DriverDeadJob, DriverDeadPage } from '@pdvend/ports'
import type { Queues } from './queues.js'
import type { Operation } from './records.js'
import type { Replica } from './replica.js'
import type { Entry } from './state.js'

/** Job ids whose queue is remembered from the last lists: a redrive or a discard names ids alone. */
const MAX_KNOWN = 10_000

interface Found {
  readonly name: string
  readonly replica: Replica
  readonly entry: Entry
}

/** Where a page ended. */
interface Cursor {
  readonly diedAt: number
  readonly name: string
  readonly seq: number
}

/** The dead letters: they stay in their queue's log, as state of the job, until they are sent back or discarded. */
export class Dead {
  readonly #knownIn = new Map<string, string>()

  constructor(
    private readonly queues: Queues,
    private readonly clock: Clock,
  ) {}

  async list(query: DeadQuery & DriverCall & { readonly cursor?: string; readonly limit: number }): Promise<DriverDeadPage> {
    const { limit, signal } = query
    const after = query.cursor === undefined ? undefined : (JSON.parse(query.cursor) as Cursor)
    const names = query.name === undefined ? await this.queues.names() : [query.name]
    const ids = query.ids === undefined ? undefined : new Set(query.ids)
    const pages = await this.queues.each(names, signal, async (name, replica) => {
      const found = [...replica.state.entries].filter((entry) => fits(entry, query, ids)).map((entry) => ({ name, replica, entry }))
      const some = found
        .filter((each) => after === undefined || compare(placeOf(each), after) > 0)
        .toSorted(inOrder)
        .slice(0, limit)
      const payloads = await this.queues.payloads(
        replica.topic,
        some.map(({ entry }) => entry.offset),
        signal,
      )
      return some.map((each) => ({ ...each, dead: letterOf(each, payloads.get(each.entry.offset)) }))
    })
    const page = pages.flat().toSorted(inOrder).slice(0, limit)
    for (const { name, entry } of page) this.#know(entry.job.id, name)
    const last = page.at(-1)
    return {
      jobs: page.map(({ dead }) => dead),
      ...(page.length === limit && last !== undefined ? { cursor: JSON.stringify(placeOf(last)) } : {}),
    }
  }

  redrive(ids: readonly string[], call: DriverCall): Promise<number> {
    return this.#change(ids, call, (seqs) => ({ op: 'redrive', seqs, at: Math.floor(this.clock.now()) }))
  }

  discard(ids: readonly string[], call: DriverCall): Promise<number> {
    return this.#change(ids, call, (seqs) => ({ op: 'discard', seqs }))
  }

  async #change(ids: readonly string[], { signal }: DriverCall, operation: (seqs: readonly number[]) => Operation): Promise<number> {
    const known = ids.map((id) => this.#knownIn.get(id))
    const names = known.every((name) => name !== undefined) ? [...new Set(known)] : await this.queues.names()
    const counts = await this.queues.each(names, signal, async (_, replica) => {
      const seqs = ids.flatMap((id) => {
        const entry = replica.state.byId(id)
        return entry?.dead === undefined ? [] : [entry.seq]
      })
      if (seqs.length === 0) return 0
      return (await replica.operate(operation(seqs), signal, () => {})).length
    })
    return counts.reduce((sum, count) => sum + count, 0)
  }

  #know(id: string, name: string): void {
    this.#knownIn.delete(id)
    this.#knownIn.set(id, name)
    if (this.#knownIn.size > MAX_KNOWN) this.#knownIn.delete(this.#knownIn.keys().next().value!)
  }
}

function fits({ job, dead }: Entry, query: DeadQuery, ids: ReadonlySet<string> | undefined): boolean {
  if (dead === undefined || (ids !== undefined && !ids.has(job.id))) return false
  const { key, reason, error, from, to } = query
  return (
    (key === undefined || job.key === key) &&
    (reason === undefined || dead.reason === reason) &&
    (error === undefined || dead.errors.some((line) => line.includes(error))) &&
    (from === undefined || dead.diedAt >= from.getTime()) &&
    (to === undefined || dead.diedAt <= to.getTime())
  )
}

function placeOf({ name, entry }: Found): Cursor {
  return { diedAt: entry.dead!.diedAt, name, seq: entry.seq }
}

const inOrder = (a: Found, b: Found): number => compare(placeOf(a), placeOf(b))

function compare(a: Cursor, b: Cursor): number {
  return a.diedAt - b.diedAt || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.seq - b.seq)
}

function letterOf({ name, entry }: Found, payload: Uint8Array = new Uint8Array()): DriverDeadJob {
  const { id, enqueuedAt, key, dedupe, priority } = entry.job
  const { reason, errors, diedAt } = entry.dead!
  return {
    job: {
      ...{ id, name, payload, dueAt: entry.dueAt, enqueuedAt, priority },
      ...(key === undefined ? {} : { key }),
      ...(dedupe === undefined ? {} : { dedupe }),
    },
    ...{ reason, errors, attempts: entry.attempt, diedAt },
  }
}
