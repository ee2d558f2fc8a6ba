import { chmod, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineMissing, type Report } from '../launcher.js'
import { cached } from './cache.js'
import { needTool, run } from './command.js'

/** A program of a Go module; the module's checksum is verified by Go itself. */
export interface GoProgram {
  readonly name: string
  /** What people call this version, and what the cache is keyed by. */
  readonly version: string
  readonly module: string
  /** As the module proxy knows it, e.g. `v1.8.0`. */
  readonly moduleVersion: string
  /** Folder of the program in the module. Default: its root. */
  readonly folder?: string
  /** The oldest Go that compiles it, e.g. `1.24`. */
  readonly go: string
}

/** Builds the program, stripped; returns the folder that has it as `bin/<name>`. */
export async function goInstall(program: GoProgram, report: Report): Promise<string> {
  const go = await needTool('go', `${program.name} is built from its Go module (Go ${program.go} or later)`)
  const version = /go(\d+)\.(\d+)/.exec(await run(go, ['env', 'GOVERSION']))
  const [major, minor] = program.go.split('.').map(Number) as [number, number]
  if (version === null || Number(version[1]) < major || (Number(version[1]) === major && Number(version[2]) < minor)) {
    throw new EngineMissing(`${program.name} needs Go ${program.go} or later; this machine has ${version?.[0] ?? 'an unknown one'}`)
  }
  const source = program.folder === undefined ? program.module : `${program.module}/${program.folder}`
  return cached({ name: program.name, version: program.version, how: 'go install', compiles: true }, report, async (folder) => {
    const bin = join(folder, 'bin')
    const env = { GOBIN: bin, CGO_ENABLED: '0' }
    await run(go, ['install', '-trimpath', '-ldflags', '-s -w', `${source}@${program.moduleVersion}`], {
      env,
      report: (line) => report(`${program.name}: ${line}`),
      low: true,
    })
    const binary = join(bin, program.name)
    const built = join(
      bin,
      source
        .replace(/\/v\d+$/, '')
        .split('/')
        .at(-1)!,
    )
    if (built !== binary) await rename(built, binary)
    await chmod(binary, 0o755)
    const embedded = await run(go, ['version', '-m', binary])
    if (!embedded.includes(`${program.module}\t${program.moduleVersion}`))
      throw new Error(`${program.name}: the binary was not built from ${program.moduleVersion}`)
    return [`bin/${program.name}`]
  })
}
