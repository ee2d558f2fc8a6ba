import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine } from '@pdvend/contract'

/** How long the database is held by the process that will be killed, in milliseconds. */
const OUTAGE_MS = 300

/**
 * The embedded engine of one adapter, in a directory of its own. It has no server: it stops and starts with each driver
 * that a case opens. `entry` is the adapter's folder in `dist`, which child processes load.
 */
export function embeddedEngine(entry: string, env: Readonly<Record<string, string>> = {}): Engine {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-contract-'))
  return {
    name: 'embedded',
    env: { PDVEND_LOCAL_DIR: directory, ...env },
    clock: 'fake',
    module: new URL(`../dist/${entry}/index.js`, import.meta.url).href,
    wipe: async () => {
      for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
    },
    ...(entry === 'jobs' ? { restart: () => outage(join(directory, 'jobs.db')) } : {}),
    stop: async () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** A process takes the database, begins to delete every job and is killed before it commits. */
async function outage(file: string): Promise<void> {
  const child = fork(fileURLToPath(new URL('./jobs/outage.mjs', import.meta.url)), [file], { execArgv: [] })
  const exited = once(child, 'exit')
  await Promise.race([once(child, 'message'), exited])
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS))
  child.kill('SIGKILL')
  const [, signal] = (await exited) as [number | null, string | null]
  if (signal !== 'SIGKILL') throw new Error('the process that was to hold the database ended by itself')
}
