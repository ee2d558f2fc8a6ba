import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** True while the process exists, in whatever state but zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return process.platform !== 'linux' || stat(pid)?.state !== 'Z'
}

/** Names this process for a file that others read: pids are used again, a pid with its start is not. */
export function thisProcess(): string {
  return `${process.pid} ${startOf(process.pid)}`
}

/** True while the process that wrote {@link thisProcess} is there. */
export function stillRuns(written: string): boolean {
  const space = written.indexOf(' ')
  const pid = Number(written.slice(0, space))
  return isAlive(pid) && startOf(pid) === written.slice(space + 1)
}

/** Tells one process from a later one with the same pid; undefined when there is none. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return stat(pid)?.start
  return ps(['-o', 'lstart=', '-p', String(pid)]).trim() || undefined
}

/**
 * True when the process is the engine of this run: pids are used again. Engines start in the run's folder, and those that change
 * theirs go to its data; their environment is no proof, for some write their title over it.
 */
export function livesIn(pid: number, folder: string): boolean {
  try {
    const cwd = process.platform === 'linux' ? readlinkSync(`/proc/${pid}/cwd`) : cwdByLsof(pid)
    return cwd === folder || cwd.startsWith(`${folder}/`)
  } catch {
    return false
  }
}

function cwdByLsof(pid: number): string {
  const text = execFileSync('lsof', ['-a', '-d', 'cwd', '-Fn', '-p', String(pid)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return /^n(.*)$/m.exec(text)?.[1] ?? ''
}

/** The process and all that it started, parents first. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const [pid, parent] of parents()) children.set(parent, [...(children.get(parent) ?? []), pid])
  const tree = [root]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []))
  return tree
}

/** Signals every process of the tree; one that has ended meanwhile is no error. */
export function signalTree(root: number, signal: NodeJS.Signals): void {
  for (const pid of processTree(root)) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** True once no thread of the tree runs: a stop signal takes a moment to reach them all. Elsewhere than on Linux it is taken as read. */
export function isFrozen(root: number): boolean {
  if (process.platform !== 'linux') return true
  return processTree(root).every((pid) => {
    try {
      return readdirSync(`/proc/${pid}/task`).every((task) => ['T', 'Z', undefined].includes(stat(`${pid}/task/${task}`)?.state))
    } catch {
      return true
    }
  })
}

function parents(): readonly (readonly [pid: number, parent: number])[] {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
    return pids.flatMap((pid) => {
      const parent = stat(pid)?.parent
      return parent === undefined ? [] : [[pid, parent] as const]
    })
  }
  const rows = ps(['-A', '-o', 'pid=,ppid=']).trim().split('\n')
  return rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number])
}

/** From /proc, since small images lack `ps`. The command's name may hold spaces and brackets, so fields count from its end. */
function stat(pid: number | string): { state: string; parent: number; start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, parent: Number(fields[1]), start: fields[19]! }
  } catch {
    return undefined
  }
}

function ps(args: readonly string[]): string {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}
