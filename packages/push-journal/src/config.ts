import { PortError } from '@pdvend/ports'
import { ADAPTER } from './errors.js'

/** The bounds of the journal, as every journal has them, and how it uses its server. */
export interface PostgresJournalSettings {
  /** Tenant: devices and streams of two namespaces never meet. */
  readonly namespace: string
  /** The most entries that one stream keeps. */
  readonly maxQueued: number
  /** What gives way at the bound: the oldest entry, leaving a gap marker, or the new one, refused. */
  readonly overflow: 'dropOldest' | 'refuse'
  /** Schema of the tables; a journal of its own identity. Lower-case letters, digits and _. Default `pdvend_push`. */
  readonly schema?: string
  /** The most connections of this instance, 1 to 100. One writes; the others read. Default 4. */
  readonly poolSize?: number
  /** After this long the server gives a statement up, in milliseconds, 100 to 600,000. Default 10,000. */
  readonly statementTimeoutMs?: number
  /** After this long without a connection a call fails, in milliseconds, 100 to 600,000. Default 5,000. */
  readonly connectTimeoutMs?: number
}

export type Checked = Required<PostgresJournalSettings>

/** Fills in the defaults. @throws CONFIG_INVALID that names the setting */
export function checked(settings: PostgresJournalSettings): Checked {
  const all = { schema: 'pdvend_push', poolSize: 4, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000, ...settings }
  // A schema's name goes into the statements' text.
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(all.schema)) throw wrong('schema', 'give at most 63 of a-z 0-9 _, no digit first')
  if (all.schema.startsWith('pg_')) throw wrong('schema', 'names that begin with pg_ are the server’s own')
  if (typeof all.namespace !== 'string' || all.namespace === '') throw wrong('namespace', 'give a name')
  if (all.overflow !== 'dropOldest' && all.overflow !== 'refuse') throw wrong('overflow', 'give dropOldest or refuse')
  whole('maxQueued', all.maxQueued, 1, 2_147_483_647)
  whole('poolSize', all.poolSize, 1, 100)
  whole('statementTimeoutMs', all.statementTimeoutMs, 100, 600_000)
  whole('connectTimeoutMs', all.connectTimeoutMs, 100, 600_000)
  return all
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) throw wrong(name, `give a whole number from ${least} to ${most}`)
}

function wrong(name: string, mend: string): PortError {
  return new PortError('CONFIG_INVALID', { adapter: ADAPTER, operation: 'open', detail: `${name} of the push journal: ${mend}` })
}
