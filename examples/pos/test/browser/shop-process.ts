import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { CatalogueView } from '../../src/contracts/api.js'
import { eventually } from '../shop-in-a-directory.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** The port that the shop says it serves on; undefined when it ends without. What it logs is passed on as long as it lives. */
function portOf(output: Readable): Promise<string | undefined> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: output })
    lines.on('line', (line) => {
      const port = /http:\/\/localhost:(\d+)\/till/.exec(line)?.[1]
      if (port !== undefined) resolve(port)
      else if (line.startsWith('{')) process.stderr.write(`${line}\n`)
    })
    lines.on('close', () => resolve(undefined))
  })
}

/** The shop as a person starts it, in a process and a directory of its own. */
export class ShopProcess implements AsyncDisposable {
  readonly directory: string
  #child: ChildProcess | undefined
  #port = '0'

  /** Without a directory it makes one, and removes it in the end. `env`: settings beside those of the embedded engines. */
  constructor(
    private readonly shared?: string,
    private readonly env: Readonly<Record<string, string>> = {},
  ) {
    this.directory = shared ?? mkdtempSync(join(tmpdir(), 'pdvend-pos-'))
  }

  get url(): string {
    return `http://localhost:${this.#port}`
  }

  /** The first start picks a port; later ones keep it. Resolves when the demo catalogue is there. @throws Error when it ends instead */
  async start(): Promise<void> {
    const env = { ...process.env, PORT: this.#port, PDVEND_LOCAL_DIR: this.directory, NODE_ENV: 'test', ...this.env }
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    const port = await portOf(child.stdout)
    if (port === undefined) throw new Error('the shop ended before it served: its reason is above')
    this.#port = port
    await eventually(async () => (await this.catalogue()).products.length >= 1_000, 60_000)
  }

  /** Resolves with the exit code, or with the signal that ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    const child = this.#child
    if (child === undefined) return null
    this.#child = undefined
    const exited = once(child, 'exit')
    child.kill(signal)
    const [code, by] = (await exited) as [number | null, string | null]
    return code ?? by
  }

  async catalogue(): Promise<CatalogueView> {
    const response = await fetch(`${this.url}/api/catalogue`)
    return (await response.json()) as CatalogueView
  }

  async send(method: string, path: string, body: unknown): Promise<Response> {
    return fetch(this.url + path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.shared === undefined) rmSync(this.directory, { recursive: true, force: true })
  }
}
