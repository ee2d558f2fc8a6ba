import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the built `pdvend` in a directory of its own, with no PDVEND_ variable but those of `env`. */
export class Shell {
  readonly directory = mkdtempSync(join(tmpdir(), 'pdvend-cli-'))

  async pdvend(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ''): Promise<Ended> {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PDVEND_') && name !== 'NODE_ENV')
    const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url))
    const child = spawn(process.execPath, [bin, ...args], { cwd: this.directory, env: { ...Object.fromEntries(inherited), ...env } })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.stdin.end(input)
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out, err }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** An adapter of jobs as an outsider's file would bring it. */
export const outsiderModule = fileURLToPath(new URL('./children/outsider.mjs', import.meta.url))
