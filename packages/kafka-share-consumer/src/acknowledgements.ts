import { acknowledgeTypes, toBatches, type TopicAcknowledgements } from './protocol/acknowledgement-batch.js'
import { lockLost, type HeldPartition, type HeldRecord } from './record.js'

/** What is to be said about one offset. */
export interface Acknowledgement {
  readonly held: HeldPartition
  readonly offset: number
  readonly type: number
  /** Absent for an offset of which nobody waits to hear: a gap, or what could not be read. */
  readonly record: HeldRecord | undefined
  readonly attempts: number
  /** An earlier attempt may have been applied, although the broker said otherwise. */
  readonly uncertain: boolean
  /** Called once. */
  readonly done: (error?: Error) => void
}

/** What one request carries, by partition, in ascending order of offsets. */
export type Load = ReadonlyMap<HeldPartition, readonly Acknowledgement[]>

/**
 * What waits to be said to one broker. A broker answers with one code for all that a request says of a partition, and applies
 * nothing of it where one offset is refused; so what was refused is halved and sent again until the culprit is alone.
 */
export class AcknowledgementQueue {
  readonly #waiting = new Map<HeldPartition, Map<number, Acknowledgement>>()
  readonly #halves = new Map<HeldPartition, (readonly Acknowledgement[])[]>()
  #size = 0
  #renewals = 0

  get size(): number {
    return this.#size
  }

  /** There is something that a ShareFetch cannot carry: renewals (KIP-1222), halves, and other partitions than it fetches. */
  needsRequest(fetched: (held: HeldPartition) => boolean): boolean {
    if (this.#renewals > 0 || this.#halves.size > 0) return true
    for (const held of this.#waiting.keys()) if (!fetched(held)) return true
    return false
  }

  /** An end that overtakes a renewal which was not sent yet replaces it: both callers get the end's outcome. */
  add(added: Acknowledgement): void {
    let waiting = this.#waiting.get(added.held)
    if (waiting === undefined) this.#waiting.set(added.held, (waiting = new Map()))
    const before = waiting.get(added.offset)
    if (before !== undefined) this.#count(before, -1)
    const merged = before === undefined ? added : merge(before, added)
    waiting.set(added.offset, merged)
    this.#count(merged, 1)
  }

  /** Takes what one request may carry. What is said of locks that are lost by now is refused here. */
  take(): Load {
    const load = new Map<HeldPartition, readonly Acknowledgement[]>()
    for (const [held, halves] of this.#halves) {
      const half = halves.shift()
      if (halves.length === 0) this.#halves.delete(held)
      if (half !== undefined) load.set(held, half)
    }
    for (const [held, waiting] of this.#waiting) {
      if (load.has(held)) continue
      this.#waiting.delete(held)
      load.set(
        held,
        [...waiting.values()].sort((a, b) => a.offset - b.offset),
      )
    }
    for (const [held, taken] of load) {
      for (const each of taken) this.#count(each, -1)
      const valid = taken.filter((each) => !refuseLost(each))
      if (valid.length === 0) load.delete(held)
      else load.set(held, valid)
    }
    return load
  }

  /** Sends what was refused of one partition again, in halves. */
  halve(refused: readonly Acknowledgement[]): void {
    const middle = refused.length >> 1
    const held = refused[0]!.held
    const halves = this.#halves.get(held) ?? []
    halves.push(refused.slice(0, middle), refused.slice(middle))
    this.#halves.set(held, halves)
    for (const each of refused) this.#count(each, 1)
  }

  /** Takes all. */
  drain(): Acknowledgement[] {
    const all = [...[...this.#halves.values()].flat(2), ...[...this.#waiting.values()].flatMap((waiting) => [...waiting.values()])]
    this.#halves.clear()
    this.#waiting.clear()
    this.#size = this.#renewals = 0
    return all
  }

  #count({ type }: Acknowledgement, by: 1 | -1): void {
    this.#size += by
    if (type === acknowledgeTypes.renew) this.#renewals += by
  }
}

function merge(before: Acknowledgement, after: Acknowledgement): Acknowledgement {
  // The same offset was acquired again meanwhile: what was meant for the earlier lock must not end the new one.
  if (before.record !== after.record) {
    before.done(before.record === undefined ? undefined : lockLost(before.record))
    return after
  }
  const end = after.type === acknowledgeTypes.renew ? before : after
  const done = (error?: Error): void => {
    before.done(error)
    after.done(error)
  }
  return { ...end, done }
}

function refuseLost({ record, done }: Acknowledgement): boolean {
  if (record?.state !== 'lost') return false
  done(lockLost(record))
  return true
}

export function hasRenewal(load: Load): boolean {
  for (const taken of load.values()) if (taken.some(({ type }) => type === acknowledgeTypes.renew)) return true
  return false
}

/** The load as a request names it, each run of one type as one range; partitions that join a session are named without ranges. */
export function toTopics(
  load: Load,
  joining: readonly { readonly topicId: string; readonly partition: number }[] = [],
): TopicAcknowledgements[] {
  const topics = new Map<string, TopicAcknowledgements['partitions'][number][]>()
  const put = (topicId: string, entry: TopicAcknowledgements['partitions'][number]): void => {
    const partitions = topics.get(topicId)
    if (partitions === undefined) topics.set(topicId, [entry])
    else partitions.push(entry)
  }
  for (const { topicId, partition } of joining) put(topicId, { partition, batches: [] })
  for (const [{ topicId, partition }, taken] of load) put(topicId, { partition, batches: toBatches(taken) })
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}
