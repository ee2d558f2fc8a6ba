import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { delimiter, join } from 'node:path'
import { EngineMissing, type Report } from '../launcher.js'

/** Where servers and toolchains live that a person's PATH often lacks. */
const alsoLookIn = ['/usr/local/go/bin', '/usr/sbin', '/sbin']

/** The full path of a program, or undefined. */
export async function findTool(name: string): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...alsoLookIn]) {
    const path = join(folder || '.', name)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

/** The full path of a program; throws {@link EngineMissing} with `why` it is needed. */
export async function needTool(name: string, why: string): Promise<string> {
  const path = await findTool(name)
  if (path === undefined) throw new EngineMissing(`${name} is not on this machine; ${why}`)
  return path
}

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Gets a line every ten seconds while the command runs. */
  readonly report?: Report
  /** Yields to everything else on the machine: for builds. Default false. */
  readonly low?: boolean
  /** Default 30 minutes. */
  readonly timeoutMs?: number
}

/** Runs a command to its end and returns what it printed; a failure carries its last lines. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env, user, report, low = false, timeoutMs = 1_800_000 } = options
  return new Promise((resolve, reject) => {
    const startedAt = Date.now()
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      ...user,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    })
    if (low && child.pid !== undefined) setPriority(child.pid, 15)
    let printed = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-8_192)))
    const line = `${command.split('/').at(-1)} ${args.slice(0, 2).join(' ')}`
    const heartbeat = setInterval(() => report?.(`${line} … ${Math.round((Date.now() - startedAt) / 1_000)} s`), 10_000)
    child.on('error', (cause) => (clearInterval(heartbeat), reject(new Error(`${line} could not start`, { cause }))))
    child.on('close', (code, signal) => {
      clearInterval(heartbeat)
      if (code === 0) resolve(printed)
      else reject(new Error(`${line} ended with ${signal ?? code}: ${lastLines(errors || printed)}`))
    })
  })
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-8).join('\n')
}
