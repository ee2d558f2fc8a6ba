import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '@pdvend/container'
import type { Engine } from '@pdvend/contract'
import type { KnownAdapter } from './adapters.js'

/** The variable by which embedded adapters are known: they keep their data in this directory, and have no server. */
const DIRECTORY = 'PDVEND_LOCAL_DIR'

/**
 * The engine that the environment names. An embedded adapter without a directory gets a temporary one, which goes when
 * the engine is stopped, and a clock that the cases move.
 */
export function engineFor({ adapter, module }: KnownAdapter, env: Environment, clock?: 'real' | 'fake'): Engine {
  const settings = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('PDVEND_') && entry[1] !== undefined,
  )
  const given = Object.fromEntries(settings)
  const embedded = Object.values(adapter.config).some((setting) => setting.env === DIRECTORY)
  if (!embedded) return { name: 'from the environment', env: given, clock: clock ?? 'real', module }
  if (given[DIRECTORY] !== undefined) return { name: 'embedded', env: given, clock: clock ?? 'fake', module }
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-contract-'))
  return {
    name: 'embedded',
    env: { ...given, [DIRECTORY]: directory },
    clock: clock ?? 'fake',
    module,
    wipe: async () => {
      for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
    },
    stop: async () => rmSync(directory, { recursive: true, force: true }),
  }
}
