import {
  type DeadQuery,
  type DriverDeadPage,
  type DriverEnqueueOutcome,
  type DriverJob,
  errorTable,
  type JobState,
  type JobStats,
  type Lease,
  PortError,
  type Settlement,
} from '@pdvend/ports'
import type { Database, Row, Statement } from '../sqlite/database.js'
import { described, fromToken, toDead, toLease, toState } from './codec.js'
import { BLOCKED, DELAYED, DONE_KEPT, LEASED, PRIORITY_STEP_MS, READY } from './schema.js'

/** Rows that one claim at most makes ready, so that a flood of due times does not hold the lock for long. */
const MAX_PROMOTED = 1_000

const INSERT = `INSERT INTO job (id, name, key, state, priority, due_at, rank, enqueued_at, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
const HELD = `seq = ? AND fence = ? AND state = ${LEASED} AND expires_at > ?`
const JOB = 'id, name, key, priority, due_at, enqueued_at, payload'

/** What became of a write: `wakes` when a job became claimable, or its time changed, so that others must look. */
export interface Changed {
  readonly wakes: boolean
}

interface ClaimStatements {
  readonly promote: Statement
  readonly reclaim: Statement
  readonly claim: Statement
  readonly nextEvent: Statement
}

/** The queue's statements; every method but the reads must run within `Database.write`. */
export class JobStore {
  readonly #byNames = new Map<string, ClaimStatements>()

  constructor(private readonly db: Database) {}

  enqueue(jobs: readonly DriverJob[], now: number): readonly DriverEnqueueOutcome[] {
    return jobs.map((job) => {
      try {
        return this.#insert(job, now)
      } catch (error) {
        return { error: fail('enqueue', error, job.id) }
      }
    })
  }

  #insert(job: DriverJob, now: number): DriverEnqueueOutcome {
    if (job.dedupe !== undefined) {
      const holder = this.db.prepare('SELECT id FROM dedupe WHERE name = ? AND key = ? AND until > ?').get(job.name, job.dedupe.key, now)
      if (holder !== undefined && holder.id !== job.id) return { id: holder.id as string, duplicate: true }
    }
    this.#add(job, now)
    if (job.dedupe !== undefined) {
      this.db
        .prepare('INSERT OR REPLACE INTO dedupe (name, key, id, until) VALUES (?, ?, ?, ?)')
        .run(job.name, job.dedupe.key, job.id, Math.ceil(now + job.dedupe.windowMs))
      this.db.prepare('DELETE FROM dedupe WHERE (name, key) IN (SELECT name, key FROM dedupe WHERE until <= ? LIMIT 4)').run(now)
    }
    return { id: job.id, duplicate: false }
  }

  #add(job: DriverJob, now: number): void {
    const dueAt = Math.ceil(job.dueAt)
    const behind = job.key !== undefined && this.#hasHead(job.name, job.key)
    const state = behind ? BLOCKED : dueAt > now ? DELAYED : READY
    this.db
      .prepare(INSERT)
      .run(
        job.id,
        job.name,
        job.key ?? null,
        state,
        job.priority,
        dueAt,
        rank(dueAt, job.priority),
        Math.floor(job.enqueuedAt),
        job.payload,
      )
  }

  #hasHead(name: string, key: string): boolean {
    const head = this.db.prepare(
      `SELECT 1 FROM job INDEXED BY job_head WHERE name = ? AND key = ? AND key IS NOT NULL AND state <> ${BLOCKED}`,
    )
    return head.get(name, key) !== undefined
  }

  /** Makes ready what is due or was left behind, then hands out by rank. */
  claim(names: readonly string[], max: number, leaseMs: number, now: number): readonly Lease[] {
    const { promote, reclaim, claim } = this.#claims(names)
    promote.run(...names, now)
    reclaim.run(...names, now)
    const expiresAt = Math.ceil(now + leaseMs)
    const rows = claim.all(expiresAt, ...names.flatMap((name) => [name, max]), max)
    const byRank = (a: Row, b: Row): number => (a.rank as number) - (b.rank as number) || (a.seq as number) - (b.seq as number)
    return (rows.length > 1 ? rows.toSorted(byRank) : rows).map((row) => toLease(row, expiresAt))
  }

  /** Statements for these names; a worker asks for the same ones each time. */
  #claims(names: readonly string[]): ClaimStatements {
    const id = names.join(',')
    let found = this.#byNames.get(id)
    if (found !== undefined) return found
    const named = `name IN (${names.map(() => '?').join(', ')})`
    const each = (one: string): string => names.map(() => `SELECT * FROM (${one})`).join(' UNION ALL ')
    const best = each(`SELECT seq, rank FROM job INDEXED BY job_ready WHERE state = ${READY} AND name = ? ORDER BY rank, seq LIMIT ?`)
    const dueAt = each(`SELECT min(due_at) AS at FROM job INDEXED BY job_delayed WHERE state = ${DELAYED} AND name = ?`)
    const expiry = each(`SELECT min(expires_at) AS at FROM job INDEXED BY job_leased WHERE state = ${LEASED} AND name = ?`)
    found = {
      promote: this.db.prepare(
        `UPDATE job SET state = ${READY}
         WHERE seq IN (SELECT seq FROM job INDEXED BY job_delayed WHERE state = ${DELAYED} AND ${named} AND due_at <= ? LIMIT ${MAX_PROMOTED})`,
      ),
      reclaim: this.db.prepare(
        `UPDATE job SET state = ${READY}, crashes = crashes + 1
         WHERE seq IN (SELECT seq FROM job INDEXED BY job_leased WHERE state = ${LEASED} AND ${named} AND expires_at <= ? LIMIT ${MAX_PROMOTED})`,
      ),
      claim: this.db.prepare(
        `UPDATE job SET state = ${LEASED}, fence = fence + 1, expires_at = ?
         WHERE seq IN (SELECT seq FROM (${best}) ORDER BY rank, seq LIMIT ?) RETURNING seq, rank, fence, attempt, crashes, ${JOB}`,
      ),
      nextEvent: this.db.prepare(`SELECT min(at) AS at FROM (${dueAt} UNION ALL ${expiry})`),
    }
    this.#byNames.set(id, found)
    return found
  }

  /** @throws LEASE_LOST */
  settle(lease: Lease, settlement: Settlement, now: number): Changed {
    const [seq, fence] = fromToken(lease)
    if (settlement.kind === 'done') return this.#done(lease, seq, fence, now)
    if (settlement.kind === 'dead') return this.#die(lease, settlement, seq, fence, now)
    const dueAt = Math.ceil(now + settlement.delayMs)
    const state = dueAt > now ? DELAYED : READY
    const moved =
      settlement.kind === 'retry'
        ? this.db
            .prepare(`UPDATE job SET state = ?, due_at = ?, rank = ?, attempt = attempt + 1, crashes = 0, errors = ? WHERE ${HELD}`)
            .run(state, dueAt, rank(dueAt, lease.job.priority), JSON.stringify(settlement.errors), seq, fence, now)
        : this.db
            .prepare(`UPDATE job SET state = ?, due_at = iif(?, ?, due_at), rank = iif(?, ?, rank) WHERE ${HELD}`)
            // Given back without a delay, it keeps its place in the line.
            .run(state, Number(dueAt > now), dueAt, Number(dueAt > now), rank(dueAt, lease.job.priority), seq, fence, now)
    if (moved === 0) throw lost(lease)
    return { wakes: true }
  }

  #done(lease: Lease, seq: number, fence: number, now: number): Changed {
    const row = this.db.prepare(`DELETE FROM job WHERE ${HELD} RETURNING progress`).get(seq, fence, now)
    if (row === undefined) throw lost(lease)
    const { id, name, enqueuedAt } = lease.job
    this.db
      .prepare('INSERT OR REPLACE INTO done (slot, id, name, attempt, enqueued_at, progress) VALUES (?, ?, ?, ?, ?, ?)')
      .run(seq % DONE_KEPT, id, name, lease.attempt, enqueuedAt, row.progress ?? null)
    return this.#next(lease.job, now)
  }

  #die(lease: Lease, { reason, errors }: Settlement & { kind: 'dead' }, seq: number, fence: number, now: number): Changed {
    const buried = this.db
      .prepare(
        `INSERT INTO dead (id, name, key, priority, due_at, enqueued_at, attempts, reason, errors, died_at, payload)
         SELECT id, name, key, priority, due_at, enqueued_at, attempt, ?, ?, ?, payload FROM job WHERE ${HELD}`,
      )
      .run(reason, JSON.stringify(errors), now, seq, fence, now)
    if (buried === 0) throw lost(lease)
    this.db.prepare('DELETE FROM job WHERE seq = ?').run(seq)
    return this.#next(lease.job, now)
  }

  /** The key's next job becomes its head. */
  #next({ name, key }: Pick<DriverJob, 'name' | 'key'>, now: number): Changed {
    if (key === undefined) return { wakes: false }
    const moved = this.db
      .prepare(
        `UPDATE job SET state = iif(due_at > ?, ${DELAYED}, ${READY})
         WHERE seq = (SELECT min(seq) FROM job INDEXED BY job_blocked WHERE state = ${BLOCKED} AND name = ? AND key = ?)`,
      )
      .run(now, name, key)
    return { wakes: moved > 0 }
  }

  /** @throws LEASE_LOST */
  extend(lease: Lease, leaseMs: number, now: number): number {
    const expiresAt = Math.ceil(now + leaseMs)
    if (this.db.prepare(`UPDATE job SET expires_at = ? WHERE ${HELD}`).run(expiresAt, ...fromToken(lease), now) === 0) throw lost(lease)
    return expiresAt
  }

  /** @throws LEASE_LOST */
  progress(lease: Lease, value: string, now: number): void {
    if (this.db.prepare(`UPDATE job SET progress = ? WHERE ${HELD}`).run(value, ...fromToken(lease), now) === 0) throw lost(lease)
  }

  /** Reads only: could `claim` find something for these names now? */
  hasWork(names: readonly string[], now: number): boolean {
    if ((this.nextEventAt(names) ?? Number.POSITIVE_INFINITY) <= now) return true
    const ready = this.db.prepare(`SELECT 1 FROM job INDEXED BY job_ready WHERE state = ${READY} AND name = ? LIMIT 1`)
    return names.some((name) => ready.get(name) !== undefined)
  }

  /** When the next delay or lease of these names ends. */
  nextEventAt(names: readonly string[]): number | undefined {
    const at = this.#claims(names).nextEvent.get(...names, ...names)?.at
    return typeof at === 'number' ? at : undefined
  }

  stats(names: readonly string[] | undefined, now: number): JobStats {
    const rows = (names ?? [null]).map((name) => this.#count(name, now))
    const sum = (field: string): number => rows.reduce((total, row) => total + (row[field] as number), 0)
    const oldest = Math.min(...rows.map((row) => (row.oldest as number | null) ?? now))
    return {
      ready: sum('ready'),
      delayed: sum('delayed'),
      inFlight: sum('in_flight'),
      dead: sum('dead'),
      oldestAgeMs: Math.max(0, now - oldest),
    }
  }

  #count(name: string | null, now: number): Row {
    const named = name === null ? '' : 'AND name = ?2'
    const from = (index: string, state: number, where: string): string =>
      `FROM job INDEXED BY ${index} WHERE state = ${state} ${named} AND ${where}`
    const due: readonly (readonly [string, number, string])[] = [
      ['job_ready', READY, 'true'],
      ['job_blocked', BLOCKED, 'due_at <= ?1'],
      ['job_delayed', DELAYED, 'due_at <= ?1'],
    ]
    const sql = `SELECT
      ${due.map((part) => `(SELECT count(*) ${from(...part)})`).join(' + ')} + (SELECT count(*) ${from('job_leased', LEASED, 'expires_at <= ?1')}) AS ready,
      (SELECT count(*) ${from('job_blocked', BLOCKED, 'due_at > ?1')}) + (SELECT count(*) ${from('job_delayed', DELAYED, 'due_at > ?1')}) AS delayed,
      (SELECT count(*) ${from('job_leased', LEASED, 'expires_at > ?1')}) AS in_flight,
      (SELECT count(*) FROM dead WHERE true ${named}) AS dead,
      (SELECT min(due_at) FROM (${due.map((part) => `SELECT min(due_at) AS due_at ${from(...part)}`).join(' UNION ALL ')})) AS oldest`
    return this.db.prepare(sql).get(...(name === null ? [now] : [now, name])) ?? {}
  }

  find(id: string, now: number): JobState | undefined {
    const row = this.db.prepare('SELECT id, name, state, attempt, due_at, expires_at, enqueued_at, progress FROM job WHERE id = ?').get(id)
    if (row !== undefined) return toState(row, now)
    const dead = this.db.prepare('SELECT id, name, attempts, enqueued_at FROM dead WHERE id = ?').get(id)
    if (dead !== undefined) return described(dead, 'dead', dead.attempts as number)
    const done = this.db.prepare('SELECT id, name, attempt, enqueued_at, progress FROM done WHERE id = ?').get(id)
    return done === undefined ? undefined : described(done, 'done', done.attempt as number)
  }

  listDead(query: DeadQuery, cursor: string | undefined, limit: number): DriverDeadPage {
    const rows = this.db
      .prepare(
        `SELECT seq, ${JOB}, attempts, reason, errors, died_at FROM dead
         WHERE seq > ?1 AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR key = ?3) AND (?4 IS NULL OR reason = ?4)
           AND (?5 IS NULL OR died_at >= ?5) AND (?6 IS NULL OR died_at <= ?6)
           AND (?7 IS NULL OR id IN (SELECT value FROM json_each(?7)))
           AND (?8 IS NULL OR EXISTS (SELECT 1 FROM json_each(errors) WHERE instr(value, ?8) > 0))
         ORDER BY seq LIMIT ?9`,
      )
      .all(
        Number(cursor ?? 0),
        query.name ?? null,
        query.key ?? null,
        query.reason ?? null,
        query.from?.getTime() ?? null,
        query.to?.getTime() ?? null,
        query.ids === undefined ? null : JSON.stringify(query.ids),
        query.error ?? null,
        limit,
      )
    const last = rows.at(-1)
    return { jobs: rows.map(toDead), ...(rows.length === limit && last !== undefined ? { cursor: String(last.seq) } : {}) }
  }

  redrive(ids: readonly string[], now: number): number {
    const take = this.db.prepare(`DELETE FROM dead WHERE id = ? RETURNING ${JOB}, attempts, reason, errors, died_at`)
    let count = 0
    for (const id of ids) {
      const row = take.get(id)
      if (row === undefined) continue
      this.#add({ ...toDead(row).job, dueAt: now }, now)
      count++
    }
    return count
  }

  discard(ids: readonly string[]): number {
    const drop = this.db.prepare('DELETE FROM dead WHERE id = ?')
    return ids.reduce((count, id) => count + drop.run(id), 0)
  }
}

const fail = errorTable('local-jobs', { SQLITE_TOOBIG: 'TOO_LARGE' })

function rank(dueAt: number, priority: number): number {
  return dueAt - priority * PRIORITY_STEP_MS
}

function lost({ job }: Lease): PortError {
  return new PortError('LEASE_LOST', { adapter: 'local-jobs', target: job.id, detail: 'the lease ended, or another worker has the job' })
}
