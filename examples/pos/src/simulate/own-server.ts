import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A server of the simulation's own. */
export interface OwnServer extends AsyncDisposable {
  readonly url: string
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))

/** Starts the shop on a free port over an empty store, both gone afterwards. */
export async function startOwnServer(): Promise<OwnServer> {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-simulate-'))
  const env = { ...process.env, PORT: '0', PDVEND_LOCAL_DIR: directory }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
    rmSync(directory, { recursive: true, force: true })
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /(http:\/\/\S+)\/till/.exec(line)?.[1]
    if (url !== undefined) return { url, [Symbol.asyncDispose]: stop }
  }
  await stop()
  throw new Error('the shop did not start')
}
