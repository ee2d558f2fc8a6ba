import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launcherOf } from './catalog.js'
import { startEngine } from './launch.js'
import type { EngineName, Report } from './launcher.js'
import { livesIn, isAlive, signalTree } from './process/process-table.js'
import { runsRoot } from './process/run-folder.js'
import { cacheRoot } from './provision/cache.js'
import { removeContainer } from './provision/docker.js'

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

/** In the run's folder, so that the record goes with the run. */
const stateFile = 'background.json'

/** What `up` started and what still runs of it. */
export async function listBackground(): Promise<readonly Background[]> {
  const folders = (await readdir(runsRoot()).catch(() => [])).map((name) => join(runsRoot(), name))
  const entries = await Promise.all(folders.map((folder) => readFile(join(folder, stateFile), 'utf8').then(parse, () => undefined)))
  return entries.filter((entry) => entry !== undefined && runs(entry)) as readonly Background[]
}

const parse = (text: string): Background => JSON.parse(text) as Background

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
  await writeFile(join(running.folder, stateFile), JSON.stringify(entry, undefined, 2))
  await writeExports()
  return entry
}

/** Ends it and removes its data. */
export async function takeDown(entry: Background): Promise<void> {
  if (entry.pid === undefined) {
    const container = await readFile(join(entry.folder, 'container'), 'utf8').catch(() => undefined)
    if (container !== undefined) await removeContainer(container)
  } else if (runs(entry)) {
    process.kill(entry.pid, 'SIGTERM')
    for (const deadline = Date.now() + 10_000; Date.now() < deadline && isAlive(entry.pid);) await sleep(20)
    if (runs(entry)) signalTree(entry.pid, 'SIGKILL')
    while (isAlive(entry.pid)) await sleep(5)
  }
  await rm(entry.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  await writeExports()
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
  return pid === undefined || (isAlive(pid) && livesIn(pid, folder))
}

/** What runs now, for a shell to read at any time: `<cache>/up.env`. */
async function writeExports(): Promise<void> {
  await mkdir(cacheRoot(), { recursive: true })
  const draft = join(cacheRoot(), `up.env.${process.pid}`)
  await writeFile(draft, exportLines(await listBackground()))
  await rename(draft, join(cacheRoot(), 'up.env'))
}
