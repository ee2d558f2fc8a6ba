import { access, cp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EngineMissing, type Launcher, type Place, type Plan } from '../launcher.js'
import { exchange } from '../process/probe.js'
import { aptUnpack, isAtLeast, libraryPath, versionOf } from '../provision/apt.js'
import { findCached } from '../provision/cache.js'
import { findTool, run } from '../provision/command.js'

const user = 'pdvend'
const password = 'pdvend-postgres'
const url = (port: number): string => `postgres://${user}:${password}@127.0.0.1:${port}/postgres`

/** The rows of telemetry's warehouse and the push journal of several instances; a peer in benchmarks. `fsync` stays on. */
export const postgres: Launcher = {
  name: 'postgres',
  title: 'PostgreSQL',
  versions: ['15'],
  variable: 'PDVEND_TEST_POSTGRES',
  ports: 1,
  container: {
    image: (version) => `postgres:${version}`,
    data: '/var/lib/postgresql/data',
    ports: [5432],
    env: () => ({ POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: 'postgres' }),
    url: ({ ports }) => url(ports[0]!),
    ready: ({ ports }) => ready(ports[0]!),
  },
  settings: (address) => ({ PDVEND_PUSH_JOURNAL: address }),
  async find(version) {
    const debian = '/usr/lib/postgresql'
    const folders = (await readdir(debian).catch(() => [])).map((series) => join(debian, series, 'bin'))
    for (const bin of [...folders, dirname((await findTool('initdb')) ?? '/initdb')]) {
      if (isAtLeast(await versionOf(join(bin, 'postgres'), '--version'), version)) return bin
    }
    return findCached('postgres', version)
  },
  provision: (version, report) =>
    aptUnpack(
      {
        name: 'postgres',
        version,
        packages: ['postgresql'],
        proof: /^usr\/lib\/postgresql\/\d+\/bin\/(postgres|initdb)$/,
        otherwise: `install the server of PostgreSQL ${version} or later`,
      },
      report,
    ),
  async plan(home, place) {
    const asUser = await otherThanRoot()
    const unpacked = !home.endsWith('/bin')
    const base = unpacked && asUser !== undefined ? await copyWithinReach(home, place) : home
    const bin = unpacked ? await unpackedBin(base) : home
    const env = unpacked ? { LD_LIBRARY_PATH: await libraryPath(base) } : {}
    const actual = await versionOf(join(bin, 'postgres'), '--version', env)
    if (!isAtLeast(actual, place.version))
      throw new EngineMissing(`PostgreSQL ${place.version} or later is needed; this machine's packages have ${actual}`)
    const [port] = place.ports
    return {
      url: url(port!),
      version: actual!,
      command: join(bin, 'postgres'),
      args: ['-D', place.data, '-h', '127.0.0.1', '-p', String(port), '-k', place.folder, '-c', 'timezone=UTC'],
      env,
      ...(asUser !== undefined && { user: asUser }),
      // Fast shutdown: sessions end, nothing is lost.
      stopSignal: 'SIGINT',
      prepare: () => initialise(bin, place, env, asUser),
      ready: () => ready(port!),
    }
  },
}

/** The server and initdb refuse root: then the `postgres` user, else `nobody`. */
async function otherThanRoot(): Promise<Plan['user']> {
  if (process.getuid?.() !== 0) return undefined
  const rows = (await readFile('/etc/passwd', 'utf8')).split('\n').map((row) => row.split(':'))
  const row = ['postgres', 'nobody'].map((name) => rows.find((each) => each[0] === name)).find((each) => each !== undefined)
  if (row === undefined) throw new Error('PostgreSQL refuses to run as root, and this machine has neither a user "postgres" nor "nobody"')
  return { uid: Number(row[2]), gid: Number(row[3]) }
}

async function unpackedBin(home: string): Promise<string> {
  const series = join(home, 'usr/lib/postgresql')
  return join(series, (await readdir(series))[0]!, 'bin')
}

/** Another user may not look into root's home folder, where the cache is. */
async function copyWithinReach(home: string, place: Place): Promise<string> {
  for (let folder = home; folder !== '/'; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) !== 0) continue
    const copy = join(place.folder, 'home')
    await cp(home, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('/debs') })
    return copy
  }
  return home
}

async function initialise(
  bin: string,
  { data, folder }: Place,
  env: Readonly<Record<string, string>>,
  asUser: Plan['user'],
): Promise<void> {
  // A killed server leaves its lock; the pid in it may be another process's by now.
  await rm(join(data, 'postmaster.pid'), { force: true })
  if (
    await access(join(data, 'PG_VERSION')).then(
      () => true,
      () => false,
    )
  )
    return
  if ((await readdir(data)).length > 0) throw new Error(`${data} holds something that is not a PostgreSQL database`)
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password)
  const args = [
    '-D',
    data,
    '-U',
    user,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ]
  await run(join(bin, 'initdb'), args, { cwd: folder, env, ...(asUser !== undefined && { user: asUser }) })
}

/** A start-up message: while it recovers, the server answers with an error; once it serves, it asks for the password. */
async function ready(port: number): Promise<boolean> {
  const parameters = Buffer.from(`user\0${user}\0database\0postgres\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + parameters.length, 0)
  head.writeInt32BE(196_608, 4)
  const answer = await exchange(port, Buffer.concat([head, parameters]))
  return answer[0] === 'R'.charCodeAt(0)
}
