import { newId, PortError } from '@pdvend/ports'
import type { Client, Query } from './client.js'
import type { Checked } from './config.js'
import { inSchema, migrations, quoted } from './schema.js'

/** What was found at `open`. */
export interface Found {
  /** The journal's identity. */
  readonly id: string
  /** Of the server, e.g. `15.18`. */
  readonly version: string
  readonly fsync: boolean
}

const OLDEST = 120_000

/**
 * Brings the schema to the newest version, one instance at a time (an advisory lock that ends with its transaction), all or
 * nothing. Where it is new already, it is only looked at, so that the app's user needs no right to create anything.
 * @throws CONFIG_INVALID a newer release made the schema, a server before 12, a database whose encoding is not UTF8 | PERMISSION_DENIED
 */
export async function prepareSchema(client: Client, { schema: name }: Checked, signal: AbortSignal | undefined): Promise<Found> {
  const schema = quoted(name)
  return client.session('open', signal, async (query) => {
    const [server] = await query(
      `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
         current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync`,
    )
    const version = String(server!['version']).split(' ')[0]!
    if (Number(server!['number']) < OLDEST)
      throw refused(`the server of PDVEND_PUSH_JOURNAL is PostgreSQL ${version}; 12 is the oldest that will do`)
    if (server!['encoding'] !== 'UTF8')
      throw refused(`the database of PDVEND_PUSH_JOURNAL is encoded in ${String(server!['encoding'])}: create one with ENCODING 'UTF8'`)
    if ((await versionOf(query, schema)) < migrations.length) await migrate(query, schema)
    const [row] = await query(`SELECT value FROM ${schema}.meta WHERE name = 'id'`)
    return { id: String(row!['value']), version, fsync: server!['fsync'] === 'on' }
  })
}

/** 0 where there is none. @throws CONFIG_INVALID when a newer release made it */
async function versionOf(query: Query, schema: string): Promise<number> {
  const [found] = await query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.meta`])
  if (found!['there'] !== true) return 0
  const [row] = await query(`SELECT value FROM ${schema}.meta WHERE name = 'version'`)
  const version = Number(row?.['value'] ?? 0)
  if (version > migrations.length)
    throw refused(
      `a newer release made schema ${schema} of PDVEND_PUSH_JOURNAL (version ${version}, this one knows ${migrations.length}): upgrade the app or name another schema`,
    )
  return version
}

async function migrate(query: Query, schema: string): Promise<void> {
  await query('BEGIN')
  // Waiting for another instance that migrates is bounded by the start's own deadline.
  await query('SET LOCAL statement_timeout = 0')
  await query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`pdvend.push-journal/${schema}`])
  const [found] = await query('SELECT to_regnamespace($1) IS NOT NULL AS there', [schema])
  if (found!['there'] !== true) await query(`CREATE SCHEMA ${schema}`)
  const version = await versionOf(query, schema)
  if (version === 0) {
    await query(`CREATE TABLE IF NOT EXISTS ${schema}.meta (name text PRIMARY KEY, value text NOT NULL)`)
    await query(`INSERT INTO ${schema}.meta VALUES ('id', $1) ON CONFLICT DO NOTHING`, [newId()])
  }
  for (const sql of migrations.slice(version)) await query(inSchema(sql, schema))
  await query(`INSERT INTO ${schema}.meta VALUES ('version', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, [
    String(migrations.length),
  ])
  await query('COMMIT')
}

function refused(detail: string): PortError {
  return new PortError('CONFIG_INVALID', { operation: 'open', detail })
}
