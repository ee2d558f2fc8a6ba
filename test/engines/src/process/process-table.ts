import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** The variable that marks our engines' processes; its value is the run's folder. */
export const markVariable = 'PDVEND_ENGINE_RUN'

/** True while the process exists, in whatever state but zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return process.platform !== 'linux' || stat(pid)?.state !== 'Z'
}

/** Tells one process from a later one with the same pid; undefined when there is none. */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return stat(pid)?.start
  return ps(['-o', 'lstart=', '-p', String(pid)]).trim() || undefined
}

/** True when the process was started as the engine of this run: pids are used again, the mark is not. */
export function carriesMark(pid: number, folder: string): boolean {
  const mark = `${markVariable}=${folder}`
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)
  } catch {
    return false
  }
  return ps(['-Eww', '-o', 'command=', '-p', String(pid)]).includes(mark)
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

function parents(): readonly (readonly [pid: number, parent: number])[] {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
    return pids.flatMap((pid) => {
      const parent = stat(pid)?.parent
      return parent === undefined ? [] : [[pid, parent] as const]
    })
  }
  const rows = ps(['-A', '-o', 'pid=,ppid=']).trim().split('\n')
  return rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number])
}

/** From /proc, since small images lack `ps`. The command's name may hold spaces and brackets, so fields count from its end. */
function stat(pid: number): { state: string; parent: number; start: string } | undefined {
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
