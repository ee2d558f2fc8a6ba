import { type Child, spawnChild } from '../child-process.js'
import type { Engine } from '../engine.js'

/** What {@link hostedEngine} can do, to name the cases before it runs. `module` is the file URL of the adapter's manifest. */
export function hostedAbilities(module: string): Engine {
  return { name: 'embedded', env: {}, module, kill: async () => {}, pause: async () => async () => {} }
}

/**
 * An embedded broker in a process of its own, so that cases may kill and freeze it: `env` are its settings, `clients` what
 * the cases' adapters get beside them, so that they do not host one themselves.
 */
export async function hostedEngine(
  module: string,
  env: Readonly<Record<string, string>>,
  clients: Readonly<Record<string, string>>,
): Promise<Engine> {
  const start = async (): Promise<Child> => {
    const started = spawnChild(new URL('./children/host.js', import.meta.url), { module, env, args: {} })
    await started.message((message) => message === 'ready')
    return started
  }
  let child = await start()
  return {
    ...hostedAbilities(module),
    env: { ...env, ...clients },
    async kill() {
      await child.kill()
      child = await start()
    },
    async pause() {
      child.process.kill('SIGSTOP')
      return async () => void child.process.kill('SIGCONT')
    },
    stop: () => child.kill(),
  }
}
