import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '@pdvend/contract'
import { jobsOutage } from '@pdvend/local/faults'

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
    ...(entry === 'jobs' ? { restart: () => jobsOutage(directory) } : {}),
    stop: async () => rmSync(directory, { recursive: true, force: true }),
  }
}
