// Appends to the push journal on PostgreSQL, against raw inserts of the same rows by `pg` into a table with one index, on one
// server with fsync: one after the other, and 100 at once (raw: over as many connections as the journal has, one commit each).
// CPU is that of this process and of the server's, in microseconds an append. One run; ratios are what to read.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startEngine } from '@pdvend/engines'
import { openPostgresJournal } from '@pdvend/push-journal'

const appends = Number(process.argv[2] ?? 10_000)
const atOnce = 100
const connections = 4
const devices = 50
const bytes = Buffer.alloc(400, 'x')
const expiresAt = Date.now() + 3_600_000
const call = { signal: new AbortController().signal }
const engine = await startEngine('postgres', { named: false })

/** CPU seconds of the server's processes, those that have ended included. */
function serverCpu() {
  const ticks = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
      } catch {
        return []
      }
    })
  const of = (fields, own) =>
    fields.length === 0 ? 0 : Number(fields[11]) + Number(fields[12]) + (own ? Number(fields[13]) + Number(fields[14]) : 0)
  const self = readFileSync(`/proc/${engine.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return ticks.filter((fields) => fields[1] === String(engine.pid)).reduce((sum, fields) => sum + of(fields, false), of(self, true)) / 100
}

async function measure(count, lanes, append) {
  let next = 0
  const lane = async () => {
    for (let n = next++; n < count; n = next++) await append(n)
  }
  const server = serverCpu()
  const cpu = process.cpuUsage()
  const began = performance.now()
  await Promise.all(Array.from({ length: lanes }, lane))
  const ms = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: Math.round((count / ms) * 1_000),
    clientCpuUs: Math.round((user + system) / count),
    serverCpuUs: Math.round(((serverCpu() - server) * 1e6) / count),
  }
}

const results = {}
const pool = new pg.Pool({ connectionString: engine.url, max: connections })
await pool.query(
  'CREATE TABLE bare (stream text, seq bigserial, id text, name text, expires_at bigint, bytes bytea, PRIMARY KEY (stream, seq))',
)
const text = 'INSERT INTO bare (stream, id, name, expires_at, bytes) VALUES ($1, $2, $3, $4, $5) RETURNING seq'
const raw = (n) => pool.query({ name: 'bare', text, values: [`device:d${n % devices}`, `raw-${n}`, 'bench.note', expiresAt, bytes] })
const journal = await openPostgresJournal(engine.url, {
  namespace: 'bench',
  maxQueued: 1_000_000,
  overflow: 'refuse',
  poolSize: connections,
})
const ours = (name) => (n) =>
  journal.append(
    { id: `${name}-${n}`, stream: `device:d${n % devices}`, name: 'bench.note', retain: false, expiresAt, bytes },
    Date.now(),
    call,
  )

await measure(500, 10, (n) => raw(-n - 1))
await measure(500, 10, ours('warm'))
results['raw pg, one by one'] = await measure(appends / 5, 1, raw)
results['journal, one by one'] = await measure(appends / 5, 1, ours('single'))
results[`raw pg, ${atOnce} at once`] = await measure(appends, atOnce, raw)
results[`journal, ${atOnce} at once`] = await measure(appends, atOnce, ours('many'))

await journal.close()
await pool.end()
await engine.stop()
console.table(results)
const file = join(dirname(fileURLToPath(import.meta.url)), 'results/push-journal.json')
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, engine: `PostgreSQL ${engine.version}`, appends, results }, null, 2)}\n`,
)
