import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '@pdvend/container'
import { type Engine, hostedEngine } from '@pdvend/contract'
import type { KnownAdapter } from './adapters.js'

/** The variable by which embedded adapters are known: they keep their data in this directory. */
const DIRECTORY = 'PDVEND_LOCAL_DIR'
/** The variable by which an embedded broker is known: it says whether a process hosts it. */
const HOSTING = 'PDVEND_PUSH_HOSTING'

/**
 * The engine that the environment names. An embedded adapter without a directory gets a temporary one, which goes when
 * the engine is stopped. What has no server gets a clock that the cases move; a broker runs in a process of its own.
 */
export async function engineFor({ adapter, module }: KnownAdapter, env: Environment, clock?: 'real' | 'fake'): Promise<Engine> {
  const settings = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('PDVEND_') && entry[1] !== undefined,
  )
  const given = Object.fromEntries(settings)
  const reads = new Set(Object.values(adapter.config).map((setting) => setting.env))
  if (!reads.has(DIRECTORY)) return { name: 'from the environment', env: given, clock: clock ?? 'real', module }
  if (given[DIRECTORY] !== undefined) return embedded(reads, module, given, clock)
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-contract-'))
  const engine = await embedded(reads, module, { ...given, [DIRECTORY]: directory }, clock)
  return {
    ...engine,
    ...(reads.has(HOSTING) ? {} : { wipe: async () => empty(directory) }),
    stop: async () => {
      await engine.stop?.()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function embedded(
  reads: ReadonlySet<string>,
  module: string,
  env: Readonly<Record<string, string>>,
  clock?: 'real' | 'fake',
): Promise<Engine> {
  if (reads.has(HOSTING)) return hostedEngine(module, { ...env, [HOSTING]: 'auto' }, { [HOSTING]: 'never' })
  return { name: 'embedded', env, clock: clock ?? 'fake', module }
}

function empty(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
}
