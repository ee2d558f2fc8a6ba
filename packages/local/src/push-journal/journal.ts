import {
  type Cursors,
  type DeviceReceipt,
  type DriverCall,
  type Enrolment,
  type JournalEntry,
  type JournalReceipt,
  PortError,
  type PushJournal,
  type ReplayPage,
  type ReplayRequest,
  streamOf,
  type WireOutcome,
} from '@pdvend/ports'
import type { Database, Row } from '../sqlite/database.js'
import { readPage } from './replay.js'
import { statements } from './statements.js'

/** How long an outcome is kept beyond its message, in milliseconds. */
const KEEP_OUTCOME_MS = 3_600_000
/** Entries that one transaction of `expire` deletes. */
const EXPIRE_CHUNK = 500

export interface JournalSettings {
  readonly namespace: string
  /** The most entries that one stream keeps. */
  readonly maxQueued: number
  /** What gives way at the bound: the oldest entry, leaving a gap marker, or the new one, refused. */
  readonly overflow: 'dropOldest' | 'refuse'
}

/**
 * The push journal in SQLite. *Semantics*: what has resolved is on disk (WAL, synchronous=FULL); all appends of one
 * event-loop tick share one fsync. *Limits*: `maxQueued` entries a stream. *Cost*: an append is one insert and one update;
 * a device's own entries are deleted when it is done with them, those of groups and all when they expire.
 */
export class SqliteJournal implements PushJournal {
  readonly id: string
  readonly #sql: ReturnType<typeof statements>
  #closed: Promise<void> | undefined

  constructor(
    private readonly database: Database,
    private readonly settings: JournalSettings,
  ) {
    this.#sql = statements(database)
    this.id = String(this.#sql.journalId.get()!.value)
  }

  append(entry: JournalEntry, now: number, _call: DriverCall): Promise<JournalReceipt> {
    return this.database.write(() => this.#append(entry, now))
  }

  async replay(device: string, request: ReplayRequest, now: number, call: DriverCall): Promise<ReplayPage> {
    const { namespace: ns } = this.settings
    // A device that this journal does not know: its data was wiped, the device's credentials were not.
    if (this.#sql.cursorsOf.get(ns, device) === undefined) await this.enroll(device, undefined, call)
    return readPage(this.#sql, ns, device, request, now)
  }

  acknowledge(device: string, cursors: Cursors, outcomes: readonly WireOutcome[], now: number, _call: DriverCall): Promise<void> {
    return this.database.write(() => {
      const { namespace: ns } = this.settings
      const sql = this.#sql
      for (const { id, state, error } of outcomes) {
        sql.putOutcome.run(ns, id, device, state, now, error === undefined ? null : storable(error), now + 24 * KEEP_OUTCOME_MS)
      }
      for (const [stream, sequence] of Object.entries(cursors)) {
        const head = sql.streamRow.get(ns, stream)?.head ?? 0
        const moved = sql.moveCursor.run(Math.min(sequence, Number(head)), ns, device, stream, sequence)
        if (moved > 0 && stream === streamOf({ device })) this.#forgetDone(device, stream, sequence, now)
      }
    })
  }

  async expire(now: number, call: DriverCall): Promise<number> {
    let deleted = 0
    for (let chunk = EXPIRE_CHUNK; chunk === EXPIRE_CHUNK && !call.signal.aborted; deleted += chunk) {
      // Looked up outside the transaction: with nothing to do, nothing is written.
      if (this.#sql.expired.get(now, 1) === undefined) break
      chunk = await this.database.write(() => this.#expireSome(now))
    }
    if (this.#sql.forgettable.get(now, now) !== undefined) {
      await this.database.write(() => {
        this.#sql.forgetOutcomes.run(now)
        this.#sql.forgetSettled.run(now)
      })
    }
    return deleted
  }

  enroll(device: string, groups: readonly string[] | undefined, _call: DriverCall): Promise<Enrolment> {
    const { namespace: ns } = this.settings
    const sql = this.#sql
    return this.database.write(() => {
      const former = sql.cursorsOf.all(ns, device).map(({ stream }) => String(stream))
      const formerGroups = former.filter((stream) => stream.startsWith('group:'))
      const wanted = groups === undefined ? formerGroups : groups.map((group) => streamOf({ group }))
      const head = (stream: string): number => Number(sql.streamRow.get(ns, stream)?.head ?? 0)
      // Its own messages are meant for it by name, however early they came.
      sql.join.run(ns, device, streamOf({ device }), 0)
      for (const stream of [streamOf({ all: true }), ...wanted]) sql.join.run(ns, device, stream, head(stream))
      const left = formerGroups.filter((stream) => !wanted.includes(stream))
      for (const stream of left) sql.leave.run(ns, device, stream)
      const joined = wanted.some((stream) => !formerGroups.includes(stream))
      return { groups: wanted.map((stream) => stream.slice('group:'.length)), changed: former.length > 0 && (joined || left.length > 0) }
    })
  }

  async receipts(id: string, _call: DriverCall): Promise<readonly DeviceReceipt[]> {
    const { namespace: ns } = this.settings
    const queued = this.#sql.queuedById.all(ns, id).map(({ stream, kept_at: keptAt }): DeviceReceipt => {
      return { id, device: String(stream).slice('device:'.length), state: 'queued', at: new Date(Number(keptAt)) }
    })
    const settled = this.#sql.outcomesOf.all(ns, id).map(outcomeOf)
    return [...settled, ...queued.filter(({ device }) => !settled.some((one) => one.device === device))]
  }

  async heads(_call: DriverCall): Promise<Cursors> {
    return Object.fromEntries(this.#sql.heads.all(this.settings.namespace).map(({ stream, head }) => [String(stream), Number(head)]))
  }

  async settle(device: string, id: string, forgetAt: number, _call: DriverCall): Promise<boolean> {
    const { namespace: ns } = this.settings
    if (forgetAt === 0) return this.#sql.isSettled.get(ns, device, id) === undefined
    return this.database.write(() => this.#sql.settle.run(ns, device, id, forgetAt) > 0)
  }

  async ping(_call: DriverCall): Promise<void> {
    this.#sql.journalId.get()
  }

  close(): Promise<void> {
    this.#closed ??= this.database.close()
    return this.#closed
  }

  #append(entry: JournalEntry, now: number): JournalReceipt {
    const { namespace: ns, maxQueued, overflow } = this.settings
    const { stream, id, name, replaceKey, retain, expiresAt, receiptTo, bytes } = entry
    const sql = this.#sql
    const known = sql.entryById.get(ns, stream, id)
    if (known !== undefined) return { sequence: Number(known.seq), previous: Number(known.prev), known: true }
    if (replaceKey !== undefined) this.#replace(stream, name, replaceKey, now)
    if (retain) sql.unretain.run(ns, stream, name, replaceKey ?? null)
    const row = sql.streamRow.get(ns, stream)
    if (row !== undefined && Number(row.queued) >= maxQueued) {
      if (overflow === 'refuse') throw full(stream, maxQueued)
      this.#dropOldest(stream, now)
    }
    const previous = Number(row?.head ?? 0)
    sql.insert.run(previous, ns, stream, id, name, replaceKey ?? null, retain ? 1 : 0, now, expiresAt, receiptTo ?? null, bytes)
    const sequence = Number(sql.lastSequence.get()!.seq)
    sql.advance.run(ns, stream, sequence, sequence)
    return { sequence, previous, known: false }
  }

  #replace(stream: string, name: string, replaceKey: string, now: number): void {
    const { namespace: ns } = this.settings
    for (const row of this.#sql.replaceable.all(ns, stream, name, replaceKey)) this.#end(row, stream, 'replaced', now)
  }

  #dropOldest(stream: string, now: number): void {
    const { namespace: ns } = this.settings
    const oldest = this.#sql.oldest.get(ns, stream) ?? this.#sql.oldestRetained.get(ns, stream)
    if (oldest === undefined) return
    this.#sql.raiseFloor.run(Number(oldest.seq), ns, stream)
    this.#end(oldest, stream, 'dropped', now)
  }

  #expireSome(now: number): number {
    const rows = this.#sql.expired.all(now, EXPIRE_CHUNK)
    for (const row of rows) this.#end(row, String(row.stream), 'expired', now, String(row.ns))
    return rows.length
  }

  #forgetDone(device: string, stream: string, sequence: number, now: number): void {
    const { namespace: ns } = this.settings
    for (const row of this.#sql.done.all(ns, stream, sequence)) {
      this.#sql.keepOutcome.run(ns, row.id!, device, 'handled', now, Number(row.expires_at) + KEEP_OUTCOME_MS)
      this.#delete(row, stream, ns)
    }
  }

  /** An entry goes before its device had it. */
  #end(row: Row, stream: string, state: 'replaced' | 'dropped' | 'expired', now: number, ns = this.settings.namespace): void {
    if (stream.startsWith('device:')) {
      const device = stream.slice('device:'.length)
      const cursor = this.#sql.cursor.get(ns, device, stream)
      const done = cursor !== undefined && Number(cursor.seq) >= Number(row.seq)
      if (!done) this.#sql.keepOutcome.run(ns, row.id!, device, state, now, now + 24 * KEEP_OUTCOME_MS)
    }
    this.#delete(row, stream, ns)
  }

  #delete(row: Row, stream: string, ns: string): void {
    if (this.#sql.remove.run(row.seq!) > 0) this.#sql.fewer.run(ns, stream)
  }
}

function outcomeOf(row: Row): DeviceReceipt {
  const error = row.error === null ? {} : { error: String(row.error) }
  return {
    id: String(row.id),
    device: String(row.device),
    state: row.state as DeviceReceipt['state'],
    at: new Date(Number(row.at)),
    ...error,
  }
}

/** A device's words as SQLite can hold them. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

function full(stream: string, most: number): PortError {
  return new PortError('RATE_LIMITED', {
    adapter: 'local-push',
    operation: 'append',
    target: stream,
    retryable: false,
    detail: `${most} messages are queued, the bound of PDVEND_PUSH_QUEUE_MAX: wait until the device has caught up`,
  })
}
