import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/**
 * Each process keeps its records in a folder of its own, whose name says who it is: `<host>-<pid>-<start>-<random>`. A
 * folder is taken over by renaming it, which only one process can do; a folder `free-<random>` belongs to nobody. [T24]
 */
const FREE = 'free'
/** Where processes cannot see each other (another machine or container), silence for so long means death, in milliseconds. */
const SILENCE_MS = 60_000
const SIGN_OF_LIFE = 'alive'

/** Same host = same process numbers: the machine and, on Linux, the namespace that they count in. */
const HOST = createHash('sha256').update(`${hostname()} ${namespaceOf()}`).digest('hex').slice(0, 10)
const STARTED = startOf(process.pid)

/** A name for a folder of this process. */
export function ownName(): string {
  return `${HOST}-${process.pid}-${STARTED ?? 0}-${randomBytes(5).toString('hex')}`
}

/** Tells processes elsewhere that the owner of `folder` lives. */
export function signOfLife(folder: string): void {
  const file = join(folder, SIGN_OF_LIFE)
  const now = new Date()
  try {
    utimesSync(file, now, now)
  } catch {
    writeFileSync(file, '')
  }
}

/** Takes over every folder whose owner is gone; gives their new paths, oldest first. */
export function adoptOrphans(root: string): readonly string[] {
  const adopted: string[] = []
  for (const name of readdirSync(root).sort()) {
    const path = join(root, name)
    if (!isOrphan(path, name)) continue
    const mine = join(root, ownName())
    try {
      renameSync(path, mine)
    } catch {
      continue // another process was faster
    }
    signOfLife(mine)
    adopted.push(mine)
  }
  return adopted
}

/** Leaves a folder to whoever comes next. */
export function setFree(root: string, folder: string): void {
  rmSync(join(folder, SIGN_OF_LIFE), { force: true })
  renameSync(folder, join(root, `${FREE}-${randomBytes(5).toString('hex')}`))
}

function isOrphan(path: string, name: string): boolean {
  if (name.startsWith(`${FREE}-`)) return true
  const [host, pid, started] = name.split('-')
  if (host === undefined || pid === undefined || started === undefined || !/^\d+$/.test(pid)) return false
  if (host !== HOST) return isSilent(path)
  const running = startOf(Number(pid))
  if (running !== undefined) return running !== started
  return !isRunning(Number(pid)) || (started === '0' && isSilent(path))
}

function isSilent(path: string): boolean {
  try {
    const seen = statSync(join(path, SIGN_OF_LIFE), { throwIfNoEntry: false }) ?? statSync(path)
    return Date.now() - seen.mtimeMs > SILENCE_MS
  } catch {
    return false // gone meanwhile
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process started, in ticks since the boot, so that a number used again is not taken for its first holder; undefined where the system does not tell. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // A zombie has its number still, but will never write again.
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function namespaceOf(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
