import pg from 'pg'
import type { RunningEngine } from '../src/index.js'
import { describeEngine } from './lifecycle.js'

async function query(engine: RunningEngine, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: engine.url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

await describeEngine({
  name: 'postgres',
  put: async (engine, name) => void (await query(engine, `CREATE TABLE IF NOT EXISTS "${name}" AS SELECT 1 AS one`)),
  has: async (engine, name) => (await query(engine, `SELECT to_regclass('"${name}"') IS NOT NULL AS found`))[0]!['found'] === true,
})
