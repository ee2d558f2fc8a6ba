import { join } from 'node:path'
import {
  type AdapterDeps,
  type ClockTimer,
  type DriverEvent,
  type EventOutcome,
  PortError,
  type SettingsOf,
  type TelemetryDriver,
  type TelemetryLimits,
  type TelemetryQuery,
  type TelemetryRow,
} from '@pdvend/ports'
import { type Database, openDatabase, type SqlValue } from '../sqlite/database.js'
import type { config } from './config.js'
import { rowOf } from './codec.js'

/**
 * Semantics: one transaction a batch, so events of a key stay in order and all of a batch is on disk or none; the id is
 * the primary key, so an event that comes twice is one row. Several processes may write and query.
 * Limits: those of Firehose, the smallest of all adapters, so that what fits here fits everywhere.
 * Cost: an event takes about its bytes plus 100; see the README for the table.
 */
const LIMITS: TelemetryLimits = { maxBatchEvents: 500, maxBatchBytes: 4 * 1_048_576, maxEventBytes: 1_000 * 1_024 }

const MIGRATIONS = [
  `CREATE TABLE events (
     id TEXT PRIMARY KEY NOT NULL,
     type TEXT NOT NULL,
     at INTEGER NOT NULL,
     key TEXT,
     envelope TEXT NOT NULL CHECK (json_valid(envelope))
   ) STRICT;
   CREATE INDEX events_by_type ON events (type, at);
   CREATE INDEX events_by_time ON events (at);`,
]

const DAY_MS = 86_400_000
const SWEEP_EVERY_MS = 3_600_000
/** Rows that one delete takes, so that it holds the lock for a moment only. */
const SWEEP_ROWS = 2_000

export async function openTelemetry(settings: SettingsOf<typeof config>, { clock, log }: AdapterDeps): Promise<TelemetryDriver> {
  const db = await openDatabase(join(settings.directory, 'telemetry.db'), MIGRATIONS)
  const driver = new LocalTelemetry(db)
  const days = settings.retentionDays
  if (days === undefined) return driver
  let timer: ClockTimer
  const sweep = (): void => {
    timer = clock.timer(SWEEP_EVERY_MS, sweep)
    driver
      .forget(clock.now() - days * DAY_MS)
      .catch((error: unknown) => log.warn({ adapter: 'local-telemetry', error: String(error) }, 'old events could not be deleted'))
  }
  sweep()
  driver.onClose = () => timer.cancel()
  return driver
}

class LocalTelemetry implements TelemetryDriver {
  readonly limits = LIMITS
  onClose: (() => void) | undefined

  constructor(private readonly db: Database) {}

  async ping(): Promise<void> {
    this.db.prepare('SELECT 1').get()
  }

  send(batch: readonly DriverEvent[]): Promise<readonly EventOutcome[]> {
    const insert = this.db.prepare('INSERT INTO events (id, type, at, key, envelope) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING')
    const decoder = new TextDecoder()
    return this.db.write(() =>
      batch.map(({ id, type, at, key, bytes }) => {
        try {
          insert.run(id, type, at, key ?? null, decoder.decode(bytes))
          return { status: 'accepted' } as const
        } catch (cause) {
          // Only what is wrong with this row; a full disk or a lost lock fails the whole batch, which is then sent again.
          if (!isRowFault(cause)) throw cause
          return {
            status: 'reject',
            error: new PortError('INVALID_ARGUMENT', {
              adapter: 'local-telemetry',
              operation: 'send',
              target: id,
              detail: 'the table does not take this row',
              cause,
            }),
          } as const
        }
      }),
    )
  }

  async query({ type, from, to, limit }: TelemetryQuery): Promise<readonly TelemetryRow[]> {
    const conditions: string[] = []
    const values: SqlValue[] = []
    const where = (condition: string, value: SqlValue | undefined): void => {
      if (value === undefined) return
      conditions.push(condition)
      values.push(value)
    }
    where('type = ?', type)
    where('at >= ?', from?.getTime())
    where('at < ?', to?.getTime())
    const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    const rows = this.db
      .prepare(`SELECT id, type, at, key, envelope FROM events ${filter} ORDER BY at DESC, rowid DESC LIMIT ?`)
      .all(...values, limit ?? 1_000)
    return rows.map(rowOf)
  }

  /** Deletes what happened before `before`, in small steps. */
  async forget(before: number): Promise<void> {
    const remove = this.db.prepare('DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE at < ? LIMIT ?)')
    while ((await this.db.write(() => remove.run(before, SWEEP_ROWS))) === SWEEP_ROWS);
  }

  close(): Promise<void> {
    this.onClose?.()
    return this.db.close()
  }
}

function isRowFault(cause: unknown): boolean {
  const code = String((cause as { code?: unknown }).code ?? '')
  return (
    code.startsWith('SQLITE_CONSTRAINT') ||
    code.startsWith('SQLITE_MISMATCH') ||
    code.startsWith('SQLITE_TOOBIG') ||
    cause instanceof TypeError
  )
}
