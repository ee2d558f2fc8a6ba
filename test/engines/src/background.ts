import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launcherOf } from './catalog.js'
import { startEngine } from './launch.js'
import type { EngineName, Report } from './launcher.js'
import { carriesMark, isAlive, signalTree } from './process/process-table.js'
import { cacheRoot } from './provision/cache.js'
import { run } from './provision/command.js'

/** An engine that `up` left running. */
export interface Background {
  readonly engine: EngineName
  /** As it was asked for; {@link version} is what it is. */
  readonly asked: string
  readonly version: string
  readonly url: string
  /** Absent in a container. */
  readonly pid?: number
  readonly folder: string
  readonly startedAt: string
}

const stateFile = (): string => join(cacheRoot(), 'up.json')

/** What `up` started and what still runs of it. */
export async function listBackground(): Promise<readonly Background[]> {
  const text = await readFile(stateFile(), 'utf8').catch(() => '[]')
  return (JSON.parse(text) as Background[]).filter(runs)
}

/** Starts the engine for whoever comes next, unless it runs in that version already. */
export async function bringUp(engine: EngineName, version: string, report: Report): Promise<Background> {
  const before = await listBackground()
  const same = before.find((each) => each.engine === engine && each.asked === version)
  if (same !== undefined) return same
  const running = await startEngine(engine, { version, report, ownership: 'background', named: false })
  const entry: Background = {
    engine,
    asked: version,
    version: running.version,
    url: running.url,
    ...(running.pid !== undefined && { pid: running.pid }),
    folder: running.folder,
    startedAt: new Date().toISOString(),
  }
  await save([...(await listBackground()), entry])
  return entry
}

/** Ends it and removes its data. */
export async function takeDown(entry: Background): Promise<void> {
  if (entry.pid === undefined) {
    const container = await readFile(join(entry.folder, 'container'), 'utf8').catch(() => undefined)
    if (container !== undefined) await run('docker', ['rm', '-f', '-v', container]).then(() => run('docker', ['volume', 'rm', '-f', container]))
  } else if (runs(entry)) {
    process.kill(entry.pid, 'SIGTERM')
    for (const deadline = Date.now() + 10_000; Date.now() < deadline && isAlive(entry.pid); ) await sleep(20)
    if (runs(entry)) signalTree(entry.pid, 'SIGKILL')
    while (isAlive(entry.pid)) await sleep(5)
  }
  await rm(entry.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  await save((await listBackground()).filter((each) => each.folder !== entry.folder))
}

/** For a shell to read: the address that tests take, and the settings that an app takes. */
export function exportLines(entries: readonly Background[]): string {
  const lines = entries.flatMap(({ engine, url }) => {
    const launcher = launcherOf(engine)
    return Object.entries({ [launcher.variable]: url, ...launcher.settings(url) })
  })
  return [...new Map(lines)].map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`).join('')
}

function runs({ pid, folder }: Background): boolean {
  return pid === undefined || (isAlive(pid) && carriesMark(pid, folder))
}

async function save(entries: readonly Background[]): Promise<void> {
  await mkdir(dirname(stateFile()), { recursive: true })
  const draft = `${stateFile()}.${process.pid}`
  await writeFile(draft, JSON.stringify(entries, undefined, 2))
  await rename(draft, stateFile())
  await writeFile(join(cacheRoot(), 'up.env'), exportLines(entries))
}
