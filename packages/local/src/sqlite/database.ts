import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import LibSql from 'libsql'
import { errorTable, PortError } from '@pdvend/ports'

export type SqlValue = string | number | Uint8Array | null
export type Row = Readonly<Record<string, SqlValue>>

/** A prepared statement; blobs come back as Uint8Array. */
export interface Statement {
  run(...values: readonly SqlValue[]): number
  get(...values: readonly SqlValue[]): Row | undefined
  all(...values: readonly SqlValue[]): readonly Row[]
}

/**
 * One SQLite file in WAL mode with `synchronous=FULL`: what `write` has resolved is on disk. Several processes may have
 * it open. The only seam to the engine: nothing outside this file knows which SQLite it is.
 */
export interface Database {
  readonly file: string
  /** Prepares once per text. */
  prepare(sql: string): Statement
  /**
   * Runs `work` in the next group commit: all writes of one event-loop tick share one transaction and one fsync. Resolves
   * after the commit. A `work` that throws is rolled back alone. Must be synchronous and touch nothing but the database.
   */
  write<T>(work: () => T): Promise<T>
  /** Resolves when all writes asked for before are done. */
  idle(): Promise<void>
  close(): Promise<void>
}

interface Pending {
  readonly work: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** The most writes of one transaction, so that a flood does not hold the lock for long. */
const MAX_GROUP = 512

/** How long the engine itself blocks on another process's lock before we wait without blocking the event loop. */
const BUSY_BLOCK_MS = 20
/** How long a write waits for other processes in all. */
const BUSY_WAIT_MS = 15_000

/** SQLite's primary result codes (https://sqlite.org/rescode.html): the low byte of every extended one. */
const PRIMARY: Readonly<Record<number, string>> = {
  3: 'SQLITE_PERM',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  18: 'SQLITE_TOOBIG',
  26: 'SQLITE_NOTADB',
}

/** By its number where there is one: libsql 0.5 names extended codes `UNKNOWN_SQLITE_ERROR_1544` (seen Nov 2026). */
function primaryCode(cause: unknown): string | undefined {
  const { rawCode, message } = cause as { readonly rawCode?: unknown; readonly message?: unknown }
  if (typeof rawCode === 'number') return PRIMARY[rawCode & 0xff]
  return /Unable to open connection/.test(String(message)) ? 'SQLITE_CANTOPEN' : undefined
}

/** The engine's errors; extended codes start with the plain one. */
export const failSqlite = errorTable(
  'local',
  {
    SQLITE_BUSY: { code: 'UNAVAILABLE', detail: 'another process holds the database', outcome: 'not-applied' },
    SQLITE_LOCKED: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    SQLITE_FULL: { code: 'UNAVAILABLE', detail: 'the disk of PDVEND_LOCAL_DIR is full', retryable: false, outcome: 'not-applied' },
    SQLITE_READONLY: { code: 'PERMISSION_DENIED', detail: 'PDVEND_LOCAL_DIR is read-only: give the process write access' },
    SQLITE_PERM: { code: 'PERMISSION_DENIED', detail: 'give the process access to PDVEND_LOCAL_DIR' },
    SQLITE_CANTOPEN: {
      code: 'CONFIG_INVALID',
      detail: 'cannot open a file in PDVEND_LOCAL_DIR: check that it is a directory that the process may write to',
    },
    SQLITE_CORRUPT: { code: 'INTEGRITY_FAILED', detail: 'the database file is damaged: restore it from a backup' },
    SQLITE_NOTADB: { code: 'INTEGRITY_FAILED', detail: 'the file is not an SQLite database: move it away or restore it from a backup' },
    SQLITE_IOERR: { code: 'UNAVAILABLE', detail: 'the disk of PDVEND_LOCAL_DIR gives errors' },
    SQLITE_TOOBIG: 'TOO_LARGE',
    EACCES: { code: 'PERMISSION_DENIED', detail: 'give the process access to PDVEND_LOCAL_DIR' },
    EPERM: { code: 'PERMISSION_DENIED', detail: 'give the process access to PDVEND_LOCAL_DIR' },
    EROFS: { code: 'PERMISSION_DENIED', detail: 'PDVEND_LOCAL_DIR is read-only: give the process write access' },
    EISDIR: { code: 'CONFIG_INVALID', detail: 'a directory stands in PDVEND_LOCAL_DIR where a file must be: move it away' },
    ENOSPC: { code: 'UNAVAILABLE', detail: 'the disk of PDVEND_LOCAL_DIR is full', retryable: false, outcome: 'not-applied' },
  },
  (cause) => {
    const code = String((cause as { code?: unknown }).code ?? '')
    return [code, code.split('_').slice(0, 2).join('_'), primaryCode(cause)]
  },
)

/**
 * Opens `file` and brings its schema to the newest version: `migrations[n]` turns version n into n + 1.
 * @throws CONFIG_INVALID when a newer release wrote the file | PERMISSION_DENIED | INTEGRITY_FAILED
 */
export async function openDatabase(file: string, migrations: readonly string[]): Promise<Database> {
  try {
    mkdirSync(dirname(file), { recursive: true })
  } catch (cause) {
    throw new PortError('CONFIG_INVALID', {
      adapter: 'local',
      operation: 'open',
      detail: 'cannot make the directory of PDVEND_LOCAL_DIR: check that it is a directory that the process may write to',
      cause,
    })
  }
  let engine: LibSql.Database | undefined
  try {
    const opened = (engine = new LibSql(file, { timeout: BUSY_BLOCK_MS }))
    await patient(() => opened.pragma('journal_mode=WAL'))
    opened.pragma('synchronous=FULL')
    opened.pragma('foreign_keys=ON')
    await patient(() => migrate(opened, migrations, file))
    return new LibSqlDatabase(file, opened)
  } catch (cause) {
    engine?.close()
    throw failSqlite('open', cause)
  }
}

function migrate(engine: LibSql.Database, migrations: readonly string[], file: string): void {
  engine.exec('BEGIN IMMEDIATE')
  try {
    const version = (engine.pragma('user_version') as { user_version: number }[])[0]?.user_version ?? 0
    if (version > migrations.length)
      throw new PortError('CONFIG_INVALID', {
        detail: `${file} was written by a newer release (its schema is ${version}, this one knows ${migrations.length}): upgrade the app or name another PDVEND_LOCAL_DIR`,
      })
    for (const sql of migrations.slice(version)) engine.exec(sql)
    if (version < migrations.length) engine.pragma(`user_version=${migrations.length}`)
    engine.exec('COMMIT')
  } catch (error) {
    if (engine.inTransaction) engine.exec('ROLLBACK')
    throw error
  }
}

class LibSqlDatabase implements Database {
  readonly #statements = new Map<string, Statement>()
  #queue: Pending[] = []
  #running: Promise<void> | undefined
  #closed = false

  constructor(
    readonly file: string,
    private readonly engine: LibSql.Database,
  ) {}

  prepare(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = wrap(() => this.engine.prepare(sql))
      this.#statements.set(sql, statement)
    }
    return statement
  }

  write<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new PortError('CLOSED', { adapter: 'local', detail: 'the database is closed' }))
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve, reject })
      this.#running ??= this.#drain()
    })
  }

  async idle(): Promise<void> {
    await this.#running
  }

  async close(): Promise<void> {
    if (this.#closed) return this.idle()
    this.#closed = true
    await this.#running
    this.engine.close()
  }

  /** Commits group after group; each waits for the tick to end, so that what the tick asked for goes together. */
  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        await new Promise((resolve) => setImmediate(resolve))
        const group = this.#queue.splice(0, MAX_GROUP)
        await this.#commit(group)
      }
    } finally {
      this.#running = undefined
    }
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    let settle: (() => void)[]
    try {
      settle = await patient(() => this.#transaction(group))
    } catch (cause) {
      if (this.engine.inTransaction) this.engine.exec('ROLLBACK')
      const error = failSqlite('commit', cause)
      settle = group.map(
        ({ reject }) =>
          () =>
            reject(error),
      )
    }
    for (const tell of settle) tell()
  }

  #transaction(group: readonly Pending[]): (() => void)[] {
    this.engine.exec('BEGIN IMMEDIATE')
    const settle = group.map(({ work, resolve, reject }) => {
      this.prepare('SAVEPOINT one').run()
      try {
        const value = work() as never
        this.prepare('RELEASE one').run()
        return () => resolve(value)
      } catch (cause) {
        // A full disk or a lost lock ends the whole transaction: then there is no savepoint to go back to.
        if (!this.engine.inTransaction) throw cause
        this.engine.exec('ROLLBACK TO one; RELEASE one')
        return () => reject(failSqlite('write', cause))
      }
    })
    this.engine.exec('COMMIT')
    return settle
  }
}

/** Runs `attempt` again while another process holds the lock, without blocking the event loop in between. */
async function patient<T>(attempt: () => T): Promise<T> {
  const deadline = Date.now() + BUSY_WAIT_MS
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      const busy = (error as { code?: unknown }).code === 'SQLITE_BUSY' || primaryCode(error) === 'SQLITE_BUSY'
      if (!busy || Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 10))
    }
  }
}

/**
 * libsql 0.5 as seen in Nov 2026: a single object argument is taken for named parameters, so values go as an array; a
 * Uint8Array that is a view is stored from the start of its buffer, so views are copied; text ends at a NUL, so such text
 * is refused here and callers store it as bytes; a boolean or an object aborts the process, so types are checked.
 * `all` gives blobs as ArrayBuffer, `get` as Buffer and adds `_metadata`. A `get` that finds nothing gives the row of the
 * `all` before it on the same statement: so each has a statement of its own.
 */
function wrap(prepare: () => LibSql.Statement): Statement {
  const statement = prepare()
  let forAll: LibSql.Statement | undefined
  return {
    run: (...values) => statement.run(values.map(bindable)).changes,
    get: (...values) => {
      const row = statement.get(values.map(bindable)) as Record<string, SqlValue> | undefined
      return row === undefined ? undefined : plain(row)
    },
    all: (...values) => ((forAll ??= prepare()).all(values.map(bindable)) as Record<string, SqlValue>[]).map(plain),
  }
}

function bindable(value: SqlValue): SqlValue {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) throw new TypeError('text with NUL or a lone surrogate must be stored as bytes')
    return value
  }
  if (value === null || typeof value === 'number') return value
  if (value instanceof Uint8Array) return value.byteLength === value.buffer.byteLength ? value : new Uint8Array(value)
  throw new TypeError(`SQLite cannot hold ${typeof value}`)
}

function plain(row: Record<string, SqlValue>): Row {
  delete row._metadata
  for (const name in row) {
    const value = row[name] as unknown
    if (value instanceof ArrayBuffer) row[name] = new Uint8Array(value)
  }
  return row
}
