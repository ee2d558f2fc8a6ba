import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Engine, hostedAbilities, hostedEngine } from '@pdvend/contract'

const module = pathToFileURL(createRequire(import.meta.url).resolve('@pdvend/local/push')).href

/** What {@link pushEngine} gives, to name the cases before it runs. */
export const abilities = hostedAbilities(module)

/** The embedded broker in a process of its own, on a directory that lives as long as the suite. */
export async function pushEngine(): Promise<Engine> {
  const directory = await mkdtemp(join(tmpdir(), 'pdvend-push-'))
  const env = { PDVEND_LOCAL_DIR: directory, PDVEND_PUSH_HOSTING: 'auto' }
  const engine = await hostedEngine(module, env, { PDVEND_PUSH_HOSTING: 'never' })
  return {
    ...engine,
    async stop() {
      await engine.stop?.()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
