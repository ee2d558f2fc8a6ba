import type { Clock, ClockTimer } from '@pdvend/ports'
import type { KafkaClient } from '../../client.js'
import { PARTITION } from '../topics.js'
import { movedRecord, type NewRecord } from './records.js'
import type { Replica } from './replica.js'

/** How often a process looks whether there is something to clean, in milliseconds, drawn between the two: seldom two at once. */
const LOOK_MS = [20_000, 40_000] as const
/** Records of a log that are never worth cleaning. */
const MIN_RECORDS = 10_000
/** Jobs that one look copies at most. */
const MAX_MOVES = 500

export interface CleanerDeps {
  readonly client: KafkaClient
  readonly clock: Clock
  /** Payloads that are not in memory, by the offset of their record. */
  readonly payloads: (topic: string, offsets: readonly number[], signal: AbortSignal) => Promise<ReadonlyMap<number, Uint8Array>>
  /** Told of each look that failed: the log grows meanwhile. */
  readonly failed: (topic: string, error: unknown) => void
}

/** A job's record may be written so much later than its time says: until then a dedupe key of that time is still needed. */
const LATE_MS = 600_000
/** Longest look, in milliseconds. */
const LOOK_TIMEOUT_MS = 60_000

/**
 * Deletes the part of a queue's log that nobody needs any more. What still lives in the older half of a log of mostly finished
 * jobs (a job due in a month, a dead letter) is copied to the end first, with its state.
 *
 * Any worker may do it at any time, several at once too: a copy counts only where nothing touched the job since it was made.
 */
export class Cleaner {
  #timer: ClockTimer | undefined
  #closed = false
  #start: number | undefined

  constructor(
    private readonly replica: Replica,
    private readonly deps: CleanerDeps,
    private readonly minRecords = MIN_RECORDS,
  ) {
    this.#arm()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #arm(): void {
    if (this.#closed) return
    const [least, most] = LOOK_MS
    this.#timer = this.deps.clock.timer(least + Math.random() * (most - least), () => {
      // Closed while it was still read: its state stands, and copies made of it could bring back what is done.
      if (this.replica.closed) return
      void this.clean()
        .catch((error: unknown) => !this.#closed && this.deps.failed(this.replica.topic, error))
        .finally(() => this.#arm())
    })
  }

  /** One look: gives the first offset that is left. */
  async clean(): Promise<number> {
    const { client, clock } = this.deps
    const { topic, state } = this.replica
    const [first] = await client.admin.offsets(topic, 'earliest')
    this.#start = first?.offset ?? 0
    state.forget(this.#start)
    const length = state.position - this.#start
    if (length >= this.minRecords && length > 4 * state.size) await this.#moveOld(this.#start + length / 2)
    const safe = this.replica.state.safeStart(clock.now() - LATE_MS)
    if (safe - this.#start < this.minRecords / 2) return this.#start
    await client.admin.deleteRecords(topic, [{ partition: PARTITION, offset: safe }])
    return safe
  }

  /** Copies what lives before `offset` to the end, and waits until it has been read there. */
  async #moveOld(offset: number): Promise<void> {
    const { state, appender, topic } = this.replica
    const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS)
    const idle = [...state.entries].filter((entry) => entry.needs < offset && !entry.claiming && entry.lease === undefined)
    const old = idle.slice(0, MAX_MOVES).map((entry) => ({ entry, at: entry.offset }))
    const unknown = old.filter(({ entry }) => entry.payload === undefined).map(({ at }) => at)
    const fetched = await this.deps.payloads(topic, unknown, signal)
    const copies: NewRecord[] = []
    for (const { entry, at } of old) {
      const payload = entry.payload ?? fetched.get(at)
      const { seq, order, dueAt, attempt, crashes, lease, dead } = entry
      // Looked at and copied without a pause between: whatever comes meanwhile stands before the copy, and voids it.
      if (payload === undefined || lease !== undefined || state.find(seq) !== entry || this.replica.state !== state) continue
      const { dead: _, dedupe: __, ...rest } = entry.job
      const job = { ...rest, dueAt, ...(dead === undefined ? {} : { dead }) }
      copies.push(movedRecord({ job, seq, order, attempt, crashes, seen: state.position }, payload))
    }
    await Promise.all(appender.append(copies, signal))
    await this.replica.catchUp(signal)
  }
}
