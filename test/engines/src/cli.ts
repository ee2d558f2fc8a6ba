import { parseArgs } from 'node:util'
import { bringUp, exportLines, listBackground, takeDown, type Background } from './background.js'
import { launcherOf, launchers } from './catalog.js'
import { whyMissing } from './launch.js'
import { EngineMissing, type EngineName, type Launcher } from './launcher.js'
import { sweep } from './process/run-folder.js'
import { cacheRoot, listCache } from './provision/cache.js'

const usage = `npm run engines -- <command> [engine[@version] ...]

  up         starts engines that stay until "down", and prints their settings as export lines
             (default: minio kafka mosquitto postgres)
  down       ends them and removes their data (default: all)
  status     what runs: version, address, pid, uptime; and what is cached
  provision  builds or fetches engines into the cache (default: all, in every version)

Engines: ${launchers.map(({ name, versions }) => `${name}@${versions.join('|')}`).join(', ')}
"mqtt" is mosquitto, "s3" is minio. The cache is PDVEND_ENGINES_DIR, default ~/.cache/pdvend/engines.
For a shell: eval "$(npm run --silent engines -- up kafka)"; what runs is also in <cache>/up.env.
`

const aliases: Readonly<Record<string, EngineName>> = { mqtt: 'mosquitto', s3: 'minio', sqs: 'elasticmq', postgresql: 'postgres' }
const report = (line: string): void => void process.stderr.write(`${line}\n`)

interface Wanted {
  readonly launcher: Launcher
  readonly version: string | undefined
}

function parse(word: string): Wanted {
  const [name = '', version] = word.split('@')
  const launcher = launcherOf(aliases[name] ?? (name as EngineName))
  if (version !== undefined && !launcher.versions.includes(version))
    throw new Error(`${launcher.title} is here in ${launcher.versions.join(', ')}, not ${version}`)
  return { launcher, version }
}

async function up(wanted: readonly Wanted[]): Promise<boolean> {
  const started: Background[] = []
  let complete = true
  for (const { launcher, version = launcher.versions[0] } of wanted) {
    const before = Date.now()
    try {
      const entry = await bringUp(launcher.name, version, report)
      started.push(entry)
      report(`${launcher.title} ${entry.version}: ${entry.url} (${Date.now() - before} ms)`)
    } catch (error) {
      if (!(error instanceof EngineMissing)) throw error
      complete = false
      report(`${launcher.title} ${version}: missing: ${error.message}`)
    }
  }
  process.stdout.write(exportLines(started))
  return complete
}

async function down(wanted: readonly Wanted[]): Promise<void> {
  for (const entry of await listBackground()) {
    const asked =
      wanted.length === 0 || wanted.some(({ launcher, version = entry.asked }) => launcher.name === entry.engine && version === entry.asked)
    if (!asked) continue
    await takeDown(entry)
    report(`${launcherOf(entry.engine).title} ${entry.version}: down`)
  }
  await sweep()
}

async function status(): Promise<void> {
  const running = (await listBackground()).map(({ engine, version, url, pid, startedAt }) => ({
    engine,
    version,
    address: url.replace(/\/\/[^@]*@/, '//').replace(/\?.*/, ''),
    pid: pid ?? 'container',
    uptime: `${Math.round((Date.now() - Date.parse(startedAt)) / 1_000)} s`,
  }))
  process.stdout.write(running.length === 0 ? 'nothing runs\n' : table(running))
  const stamps = (await listCache()).map(({ name, version, how, seconds, bytes }) => ({
    cached: name,
    version,
    how,
    took: `${seconds} s`,
    size: `${Math.round(bytes / 1_000_000)} MB`,
  }))
  process.stdout.write(`\n${cacheRoot()}${stamps.length === 0 ? ' is empty\n' : `\n${table(stamps)}`}`)
}

async function provision(wanted: readonly Wanted[]): Promise<boolean> {
  let complete = true
  for (const { launcher, version } of wanted) {
    for (const each of version === undefined ? launcher.versions : [version]) {
      const before = Date.now()
      const reason = await whyMissing(launcher.name, { version: each, report, named: false })
      complete &&= reason === undefined || launcher.elsewhere !== undefined
      report(
        reason === undefined ? `${launcher.title} ${each}: here (${Math.round((Date.now() - before) / 100) / 10} s)` : `missing: ${reason}`,
      )
    }
  }
  return complete
}

/** Columns as wide as their longest cell. */
function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const names = Object.keys(rows[0]!)
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name])))]
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } } })
const [command, ...words] = positionals
try {
  const wanted = words.map(parse)
  if (values.help === true || command === undefined) process.stdout.write(usage)
  else if (command === 'up')
    process.exitCode = (await up(wanted.length > 0 ? wanted : ['minio', 'kafka', 'mosquitto', 'postgres'].map(parse))) ? 0 : 1
  else if (command === 'down') await down(wanted)
  else if (command === 'status') await status()
  else if (command === 'provision')
    process.exitCode = (await provision(wanted.length > 0 ? wanted : launchers.map(({ name }) => parse(name)))) ? 0 : 1
  else throw new Error(`no command is called ${JSON.stringify(command)}\n\n${usage}`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
