import type { JobStats } from '@pdvend/ports'
import { Heap } from './heap.js'
import type { Death, LogRecord, MovedJob, Operation, StoredJob } from './records.js'

/**
 * What one step of priority is worth in milliseconds: a job passes those that have waited up to so much longer. The rank is
 * fixed when a job becomes due, so that waiting is ageing: +100 against -100 starves nobody for more than 200 minutes.
 */
const PRIORITY_STEP_MS = 60_000

/** Payloads that are kept in memory, in bytes for each queue; others are fetched again when their job is handed out. */
const MAX_PAYLOAD_BYTES = 67_108_864

/** Events on jobs that are gone which are remembered; a copy that is moved comes much sooner after them. */
const MAX_GONE = 20_000

/** A job that is not done: waiting, leased or dead. */
export interface Entry {
  /** Offset of its first record: its name. */
  readonly seq: number
  readonly job: StoredJob
  /** Offset of the record that holds its payload now. */
  offset: number
  payload: Uint8Array | undefined
  /** Its place in the line of its key, and among equals. */
  order: number
  dueAt: number
  attempt: number
  crashes: number
  lease: { readonly token: string; readonly expiresAt: number } | undefined
  dead: Death | undefined
  /** Offset of the last record that touched it. */
  touched: number
  /** The log is needed from here on to know it. */
  needs: number
  /** Grows with each change: what a heap holds of an older state is passed over. */
  stamp: number
  /** This process is about to claim it. */
  claiming: boolean
}

/** What became of an operation, for whoever wrote it: the jobs that it took effect on. */
export type Applied = readonly Entry[]

/** What became of a job that was put in: `id` is an earlier job's where the dedupe key was taken. */
export interface Stored {
  readonly id: string
  readonly duplicate: boolean
}

interface Timed {
  readonly at: number
  readonly entry: Entry
  readonly stamp: number
}

interface Ranked {
  readonly rank: number
  readonly order: number
  readonly entry: Entry
  readonly stamp: number
}

/** What is handed out first has the lowest. */
export function rankOf({ dueAt, job }: Entry): number {
  return dueAt - job.priority * PRIORITY_STEP_MS
}

/**
 * The state of one queue, made by its records one after the other and by nothing else: everyone who has read as
 * far has the same. What is true "now" (due, expired) is asked for with a time, never stored.
 *
 * A claim names its jobs, and whether it takes effect depends on these jobs' own records alone. That is what lets the log be cut
 * before the oldest live job: a reader that starts there comes to the same state.
 */
export class QueueState {
  /** One behind the last record. */
  position: number
  readonly #entries = new Map<number, Entry>()
  readonly #byId = new Map<string, Entry>()
  readonly #lanes = new Map<string, Entry[]>()
  readonly #dedupe = new Map<string, { readonly id: string; readonly until: number; readonly offset: number }>()
  readonly #due = new Heap<Timed>((a, b) => a.at < b.at)
  readonly #expiry = new Heap<Timed>((a, b) => a.at < b.at)
  readonly #ready = new Heap<Ranked>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.order < b.order))
  /** The last event on jobs that are not here, by seq: a copy of one of them may still come. */
  readonly #gone = new Map<number, number>()
  /** Where the log must not be cut: behind `from` and up to `to`. A record that had no effect would have one without what is at `from`. */
  #pins: { readonly from: number; readonly to: number }[] = []
  #payloadBytes = 0

  constructor(start: number) {
    this.position = start
  }

  get size(): number {
    return this.#entries.size
  }

  get entries(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  find(seq: number): Entry | undefined {
    return this.#entries.get(seq)
  }

  byId(id: string): Entry | undefined {
    return this.#byId.get(id)
  }

  /** Takes the next record; says what became of a job or of each operation. */
  apply(offset: number, record: LogRecord): { readonly stored?: Stored; readonly applied?: readonly Applied[] } {
    this.position = offset + 1
    if (record.kind === 'job') return { stored: this.#store(offset, record.job, record.payload) }
    if (record.kind === 'operations') return { applied: record.operations.map((operation) => this.#operate(offset, operation)) }
    this.#move(offset, record.moved, record.payload)
    return {}
  }

  #store(offset: number, job: StoredJob, payload: Uint8Array): Stored {
    const { id, dedupe } = job
    const same = this.#byId.get(id)
    if (same !== undefined) {
      this.#pins.push({ from: same.needs, to: offset })
      return { id, duplicate: false }
    }
    if (dedupe !== undefined) {
      const holder = this.#dedupe.get(dedupe.key)
      if (holder !== undefined && holder.until > job.enqueuedAt) {
        this.#pins.push({ from: holder.offset, to: offset })
        return { id: holder.id, duplicate: holder.id !== id }
      }
      this.#dedupe.delete(dedupe.key)
      this.#forgetKeys(job.enqueuedAt)
      this.#dedupe.set(dedupe.key, { id, until: job.enqueuedAt + dedupe.windowMs, offset })
    }
    this.#add({
      seq: offset,
      job,
      offset,
      payload,
      order: offset,
      dueAt: Math.ceil(job.dueAt),
      attempt: job.attempt ?? 1,
      crashes: job.crashes ?? 0,
      lease: undefined,
      dead: job.dead,
      touched: offset,
      needs: offset,
      stamp: 0,
      claiming: false,
    })
    return { id, duplicate: false }
  }

  /** A few whose window is over. */
  #forgetKeys(now: number): void {
    let looks = 4
    for (const [key, { until }] of this.#dedupe) {
      if (looks-- === 0) return
      if (until <= now) this.#dedupe.delete(key)
    }
  }

  #add(entry: Entry): void {
    this.#entries.set(entry.seq, entry)
    this.#byId.set(entry.job.id, entry)
    this.#keepPayload(entry)
    if (entry.dead === undefined) this.#join(entry)
    else this.#dropPayload(entry)
  }

  #keepPayload(entry: Entry): void {
    if (entry.payload === undefined) return
    if (this.#payloadBytes + entry.payload.byteLength > MAX_PAYLOAD_BYTES) entry.payload = undefined
    else this.#payloadBytes += entry.payload.byteLength
  }

  #dropPayload(entry: Entry): void {
    this.#payloadBytes -= entry.payload?.byteLength ?? 0
    entry.payload = undefined
  }

  /** Takes its place in the line of its key, and where it is the head, among what can be handed out. */
  #join(entry: Entry): void {
    const { key } = entry.job
    if (key !== undefined) {
      const lane = this.#lanes.get(key)
      if (lane === undefined) this.#lanes.set(key, [entry])
      else {
        let at = lane.length
        while (at > 0 && lane[at - 1]!.order > entry.order) at--
        lane.splice(at, 0, entry)
        if (at > 0) return
        // It stood further ahead in a part of the log that was cut.
        lane[1]!.stamp++
      }
    }
    this.#place(entry)
  }

  #leave(entry: Entry): void {
    const { key } = entry.job
    if (key === undefined) return
    const lane = this.#lanes.get(key)
    const at = lane?.indexOf(entry) ?? -1
    if (lane === undefined || at < 0) return
    lane.splice(at, 1)
    if (lane.length === 0) this.#lanes.delete(key)
    else if (at === 0) this.#place(lane[0]!)
  }

  #isHead(entry: Entry): boolean {
    return entry.job.key === undefined || this.#lanes.get(entry.job.key)?.[0] === entry
  }

  /** Puts a job that may be handed out at some time where that time is waited for. */
  #place(entry: Entry): void {
    const stamp = ++entry.stamp
    if (entry.dead !== undefined || !this.#isHead(entry)) return
    if (entry.lease === undefined) this.#due.push({ at: entry.dueAt, entry, stamp })
    else this.#expiry.push({ at: entry.lease.expiresAt, entry, stamp })
  }

  #operate(offset: number, operation: Operation): Applied {
    switch (operation.op) {
      case 'claim':
        return operation.seqs.flatMap((seq) => this.#claim(offset, seq, operation) ?? [])
      case 'redrive':
        return operation.seqs.flatMap((seq) => this.#redrive(offset, seq, operation.at) ?? [])
      case 'discard':
        return operation.seqs.flatMap((seq) => this.#discard(offset, seq) ?? [])
      default: {
        const entry = this.#touched(offset, operation.seq)
        if (entry?.lease === undefined || entry.lease.token !== operation.token || entry.lease.expiresAt <= operation.at) return []
        this.#end(entry, operation)
        return [entry]
      }
    }
  }

  /** A lease that holds is prolonged or ends. */
  #end(entry: Entry, operation: Exclude<Operation, { seqs: readonly number[] }>): void {
    if (operation.op === 'done') return this.#remove(entry)
    if (operation.op === 'extend') {
      entry.lease = { token: operation.token, expiresAt: operation.until }
      return this.#place(entry)
    }
    entry.lease = undefined
    if (operation.op === 'dead') {
      entry.dead = { reason: operation.reason, errors: operation.errors, diedAt: operation.at }
      this.#dropPayload(entry)
      this.#leave(entry)
      return this.#place(entry)
    }
    if (operation.dueAt !== undefined) entry.dueAt = operation.dueAt
    if (operation.op === 'retry') {
      entry.attempt++
      entry.crashes = 0
    }
    this.#place(entry)
  }

  #claim(offset: number, seq: number, { token, at, until }: Operation & { op: 'claim' }): Entry | undefined {
    const entry = this.#touched(offset, seq)
    if (entry === undefined || entry.dead !== undefined || entry.dueAt > at) return undefined
    if (entry.lease !== undefined) {
      if (entry.lease.expiresAt > at) return undefined
      entry.crashes++
    }
    entry.lease = { token, expiresAt: until }
    this.#place(entry)
    return entry
  }

  #redrive(offset: number, seq: number, at: number): Entry | undefined {
    const entry = this.#touched(offset, seq)
    if (entry?.dead === undefined) return undefined
    Object.assign(entry, { dead: undefined, attempt: 1, crashes: 0, dueAt: at, order: offset })
    this.#join(entry)
    return entry
  }

  #discard(offset: number, seq: number): Entry | undefined {
    const entry = this.#touched(offset, seq)
    if (entry?.dead === undefined) return undefined
    this.#remove(entry)
    return entry
  }

  #touched(offset: number, seq: number): Entry | undefined {
    const entry = this.#entries.get(seq)
    if (entry !== undefined) entry.touched = offset
    else this.#remember(seq, offset)
    return entry
  }

  #remember(seq: number, offset: number): void {
    this.#gone.delete(seq)
    this.#gone.set(seq, offset)
    if (this.#gone.size <= MAX_GONE) return
    for (const oldest of this.#gone.keys()) {
      this.#gone.delete(oldest)
      return
    }
  }

  #remove(entry: Entry): void {
    entry.stamp++
    this.#entries.delete(entry.seq)
    this.#byId.delete(entry.job.id)
    this.#remember(entry.seq, entry.touched)
    this.#dropPayload(entry)
    this.#leave(entry)
  }

  /** A copy of a live job: for who knows it only its new place, for who started behind its first record the job itself. */
  #move(offset: number, moved: MovedJob, payload: Uint8Array): void {
    this.#pins.push({ from: moved.seen, to: offset })
    const known = this.#entries.get(moved.seq)
    const last = known?.touched ?? this.#gone.get(moved.seq) ?? -1
    if (last >= moved.seen) return
    if (known !== undefined) {
      known.offset = offset
      known.needs = moved.seen
      return
    }
    const { job, seq, order, attempt, crashes, lease } = moved
    const { dueAt } = job
    const dead = job.dead
    this.#add({
      ...{ seq, job, offset, payload, order, dueAt, attempt, crashes, lease, dead },
      ...{ touched: moved.seen - 1, needs: moved.seen, stamp: 0, claiming: false },
    })
  }

  /**
   * Up to `max` jobs that can be claimed at `now`, best first, marked so that the next call gives others; `skip` passes over as
   * many of the best, where there are enough, for workers that got in each other's way. Each must be claimed or given back.
   */
  pick(now: number, max: number, skip = 0): readonly Entry[] {
    this.#promote(this.#due, now)
    this.#promote(this.#expiry, now)
    const passed: Ranked[] = []
    const picked: Entry[] = []
    let toPass = Math.min(skip, Math.max(0, this.#ready.size - max))
    while (picked.length < max) {
      const best = this.#ready.pop()
      if (best === undefined) break
      if (best.stamp !== best.entry.stamp || best.entry.claiming) continue
      if (toPass-- > 0) passed.push(best)
      else picked.push(best.entry)
    }
    // What the heap held of older states may have been counted as enough: then there was nothing to spare.
    picked.unshift(...passed.splice(0, max - picked.length).map(({ entry }) => entry))
    for (const best of passed) this.#ready.push(best)
    for (const entry of picked) entry.claiming = true
    return picked
  }

  #promote(heap: Heap<Timed>, now: number): void {
    for (let next = heap.peek(); next !== undefined && next.at <= now; next = heap.peek()) {
      heap.pop()
      const { entry, stamp } = next
      if (stamp !== entry.stamp) continue
      this.#ready.push({ rank: rankOf(entry), order: entry.order, entry, stamp })
    }
  }

  /** Ends the mark of {@link pick}, whatever became of the claim. */
  unpick(entries: readonly Entry[]): void {
    for (const entry of entries) {
      entry.claiming = false
      if (this.#entries.get(entry.seq) === entry) this.#place(entry)
    }
  }

  /** When something becomes due or expires next; undefined when nothing will by itself. */
  nextAt(): number | undefined {
    const next = [this.#due, this.#expiry].flatMap((heap) => {
      for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
        if (first.stamp === first.entry.stamp && !first.entry.claiming) return first.at
        heap.pop()
      }
      return []
    })
    return next.length === 0 ? undefined : Math.min(...next)
  }

  stats(now: number): JobStats {
    let [ready, delayed, inFlight, dead, oldest] = [0, 0, 0, 0, now]
    for (const entry of this.#entries.values()) {
      if (entry.dead !== undefined) dead++
      else if (entry.lease !== undefined && entry.lease.expiresAt > now) inFlight++
      else if (entry.dueAt > now) delayed++
      else {
        ready++
        if (entry.dueAt < oldest) oldest = entry.dueAt
      }
    }
    return { ready, delayed, inFlight, dead, oldestAgeMs: Math.max(0, now - oldest) }
  }

  /** Nothing before this offset is needed to come to this state. */
  safeStart(now: number): number {
    let start = this.position
    for (const { until, offset } of this.#dedupe.values()) if (until > now) start = Math.min(start, offset)
    for (const { needs } of this.#entries.values()) start = Math.min(start, needs)
    for (let moved = true; moved;) {
      moved = false
      for (const { from, to } of this.#pins) {
        if (start <= from || start > to) continue
        start = from
        moved = true
      }
    }
    return start
  }

  /** The log begins here now. */
  forget(start: number): void {
    this.#pins = this.#pins.filter(({ to }) => to >= start)
  }
}
