// Servers of the peers, in folders and on ports of their own, with the CPU time of all their processes.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TICKS_PER_SECOND = 100

/** PostgreSQL as initdb makes it: fsync and synchronous_commit on. undefined where it is not installed. */
export async function startPostgres() {
  const root = '/usr/lib/postgresql'
  const version = existsSync(root) ? readdirSync(root).toSorted().at(-1) : undefined
  if (version === undefined) return undefined
  const bin = join(root, version, 'bin')
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-pg-'))
  chmodSync(directory, 0o777)
  const data = join(directory, 'data')
  // PostgreSQL refuses to run as root.
  const as = process.getuid() === 0 ? { command: 'runuser', args: ['-u', 'postgres', '--'] } : { command: 'env', args: [] }
  const run = (...args) => {
    const { status, stderr } = spawnSync(as.command, [...as.args, ...args], { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
    if (status !== 0) throw new Error(`${args[0]}: ${stderr}`)
  }
  run(join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'bench')
  run(join(bin, 'pg_ctl'), '-D', data, '-w', '-l', join(directory, 'log'), '-o', `-p ${port} -h 127.0.0.1 -k ${directory}`, 'start')
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  return {
    url: `postgres://bench@127.0.0.1:${port}/postgres`,
    cpuMs: () => cpuMs(pid),
    stop() {
      run(join(bin, 'pg_ctl'), '-D', data, '-m', 'fast', '-w', 'stop')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Redis with an append-only file; `fsync` is `everysec` (may lose a second) or `always` (as durable as the others). */
export async function startRedis(fsync) {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-redis-'))
  mkdirSync(directory, { recursive: true })
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    fsync,
  ]
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('redis-server did not start')))
    server.stdout.on('data', (text) => String(text).includes('Ready to accept') && resolve())
  })
  server.stdout.resume()
  return {
    connection: { host: '127.0.0.1', port, maxRetriesPerRequest: null },
    cpuMs: () => cpuMs(server.pid),
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      await gone
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** User and system time of a process and of its children, dead ones included, in milliseconds. */
function cpuMs(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  let ticks = 0
  for (const name of all) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (Number(name) === pid) ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])
      else if (Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12])
    } catch {
      // It has ended between the two reads.
    }
  }
  return (ticks * 1_000) / TICKS_PER_SECOND
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
