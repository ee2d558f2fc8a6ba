import { spawn, type ChildProcess } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { EngineName } from '../launcher.js'
import { removeContainer } from '../provision/docker.js'
import { isAlive, livesIn, signalTree, stillRuns, thisProcess } from './process-table.js'

/** `background`: an engine of `up`, which outlives the process that started it. */
export type Ownership = 'mine' | 'background'

/** All runs of this user, in the system's folder for temporary files. */
export function runsRoot(): string {
  return join(realpathSync(tmpdir()), `pdvend-engines-${userInfo().uid}`)
}

/** A new folder for one run. What is `mine` goes when this process ends, however it ends. */
export async function makeRunFolder(name: EngineName, ownership: Ownership): Promise<string> {
  await mkdir(runsRoot(), { recursive: true, mode: 0o711 })
  const folder = await mkdtemp(join(runsRoot(), `${name}-`))
  await writeFile(join(folder, 'owner'), ownership === 'mine' ? thisProcess() : ownership)
  if (ownership === 'mine') hand(folder)
  return folder
}

/** Ends what runs in folders whose owner is gone and removes them: for the day that the reaper was killed too, or the machine. */
export async function sweep(): Promise<void> {
  for (const entry of await readdir(runsRoot()).catch(() => [])) {
    const folder = join(runsRoot(), entry)
    const owner = await readFile(join(folder, 'owner'), 'utf8').catch(() => undefined)
    if (owner === undefined) continue
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => '0'))
    const serves = pid > 0 && isAlive(pid) && livesIn(pid, folder)
    const container = await readFile(join(folder, 'container'), 'utf8').catch(() => undefined)
    if (owner === 'background' ? serves || container !== undefined : stillRuns(owner)) continue
    if (serves) signalTree(pid, 'SIGKILL')
    if (container !== undefined) await removeContainer(container).catch(() => {})
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

let reaper: ChildProcess | undefined

/**
 * Tells the reaper about a folder before anything starts in it. The reaper is a shell that does nothing but read a pipe from this
 * process: when the pipe closes, as it does even on kill -9, it kills what the folders' `pid` files name and removes the folders. It
 * renames a folder first, so that an engine which is just about to write its `pid` cannot, and does not start.
 */
function hand(folder: string): void {
  if (reaper === undefined || reaper.exitCode !== null) {
    reaper = spawn('/bin/sh', ['-c', reaperScript], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' })
    reaper.unref()
    const pipe = reaper.stdin as (NodeJS.WritableStream & { unref?(): void }) | null
    pipe?.on('error', () => {})
    pipe?.unref?.()
  }
  reaper.stdin?.write(`${folder}\n`)
}

const reaperScript = `
trap '' INT TERM HUP
while IFS= read -r folder; do set -- "$@" "$folder"; done
for folder do
  dead="$folder.dead"
  mv "$folder" "$dead" 2>/dev/null || continue
  if [ -s "$dead/pid" ]; then
    pid=$(cat "$dead/pid")
    kill -9 "-$pid" 2>/dev/null
    kill -9 "$pid" 2>/dev/null
  fi
  if [ -s "$dead/container" ]; then
    name=$(cat "$dead/container")
    docker rm -f -v "$name" >/dev/null 2>&1
    docker volume rm -f "$name" >/dev/null 2>&1
  fi
  rm -rf "$dead" 2>/dev/null || { sleep 1; rm -rf "$dead"; }
done
`
