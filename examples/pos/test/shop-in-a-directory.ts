import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineApp, type Running } from '@pdvend/container'
import { local } from '@pdvend/local'
import type { Worker } from '@pdvend/ports'
import { bindShop, startBackground } from '../src/shop-container.js'

export interface TestShop extends AsyncDisposable {
  readonly running: Running
  readonly directory: string
  /** Of the four ports and the use cases. */
  readonly container: Running['container']
  /** Starts the jobs. */
  work(): Worker
}

/** A whole shop over the embedded adapters in a directory of its own. */
export async function openShop(directory = mkdtempSync(join(tmpdir(), 'pdvend-pos-'))): Promise<TestShop> {
  const app = defineApp({ profiles: { local }, signals: [] })
  const running = await app.start({ PDVEND_LOCAL_DIR: directory, PDVEND_BLOB_URL: '/blobs', PDVEND_DRAIN_MS: '60000' })
  bindShop(running.container, { profile: running.profile, health: async () => [] })
  return {
    running,
    directory,
    container: running.container,
    work: () => startBackground(running.container),
    async [Symbol.asyncDispose]() {
      await running.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Waits until `look` gives something, and gives that. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`nothing within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
