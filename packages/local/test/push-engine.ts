import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Child, type Engine, spawnChild } from '@pdvend/contract'

const { resolve } = createRequire(import.meta.url)
const module = pathToFileURL(resolve('@pdvend/local/push')).href
const host = new URL('./push/children/host.js', pathToFileURL(resolve('@pdvend/contract')))

/** What {@link pushEngine} gives, to name the cases before it runs. */
export const abilities: Engine = { name: 'embedded', env: {}, module, kill: async () => {}, pause: async () => async () => {} }

/** The embedded broker in a process of its own, on a directory that lives as long as the suite. */
export async function pushEngine(): Promise<Engine> {
  const directory = await mkdtemp(join(tmpdir(), 'pdvend-push-'))
  const env = { PDVEND_LOCAL_DIR: directory, PDVEND_PUSH_HOSTING: 'never' }
  const start = async (): Promise<Child> => {
    const started = spawnChild(host, { module, env: { ...env, PDVEND_PUSH_HOSTING: 'auto' }, args: {} })
    await started.message((message) => message === 'ready')
    return started
  }
  let child = await start()
  return {
    ...abilities,
    env,
    async kill() {
      await child.kill()
      child = await start()
    },
    async pause() {
      child.process.kill('SIGSTOP')
      return async () => void child.process.kill('SIGCONT')
    },
    async stop() {
      await child.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
