import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '@pdvend/container'
import { type Engine, hostedEngine } from '@pdvend/contract'
import { blobLeftovers, damageBlob, jobsOutage } from '@pdvend/local/faults'
import { type AnyAdapter, silentLogger, systemClock } from '@pdvend/ports'
import { settingsOf } from './adapter-settings.js'
import type { KnownAdapter } from './adapters.js'
import { serveSignedUrls } from './signed-url-server.js'

/** The variable by which embedded adapters are known: they keep their data in this directory. */
const DIRECTORY = 'PDVEND_LOCAL_DIR'
/** The variable by which an embedded broker is known: it says whether a process hosts it. */
const HOSTING = 'PDVEND_PUSH_HOSTING'
/** The variable by which an embedded store is known: where an app answers its signed URLs. */
const SIGNED_URLS = 'PDVEND_BLOB_URL'

/**
 * The engine that the environment names. An embedded adapter without a directory gets a temporary one, which goes when
 * the engine is stopped. What has no server gets a clock that the cases move; a broker runs in a process of its own,
 * and a store's signed URLs are answered on a free port. What else an adapter wants made beforehand, its own plan makes. Faults beneath an adapter are offered in a temporary directory only.
 */
export async function engineFor({ adapter, module }: KnownAdapter, env: Environment, clock?: 'real' | 'fake'): Promise<Engine> {
  const settings = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('PDVEND_') && entry[1] !== undefined,
  )
  const given = Object.fromEntries(settings)
  const reads = new Set(Object.values(adapter.config).map((setting) => setting.env))
  if (!reads.has(DIRECTORY))
    return { name: 'from the environment', env: given, clock: clock ?? 'real', module, ...(await provisioned(adapter, given)) }
  if (given[DIRECTORY] !== undefined) return embedded(adapter, reads, module, given, clock)
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-contract-'))
  const engine = await embedded(adapter, reads, module, { ...given, [DIRECTORY]: directory }, clock)
  return {
    ...engine,
    ...faultsOf(adapter.name, directory),
    ...(reads.has(HOSTING) || reads.has(SIGNED_URLS) ? {} : { wipe: async () => empty(directory) }),
    stop: async () => {
      await engine.stop?.()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Makes what the adapter wants beforehand, now and for each queue that a case is about to use. */
async function provisioned(adapter: AnyAdapter, env: Readonly<Record<string, string>>): Promise<Pick<Engine, 'provision'>> {
  if (adapter.provision === undefined) return {}
  const settings = await settingsOf(adapter, env)
  const provision = async (queues: readonly string[]): Promise<void> => {
    const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
    const plan = await adapter.provision!(settings, { jobs: queues.map((name) => ({ name, keyed: true })) }, deps)
    try {
      await plan.apply()
    } finally {
      await plan.close()
    }
  }
  await provision([])
  return adapter.port === 'jobs' ? { provision } : {}
}

async function embedded(
  adapter: AnyAdapter,
  reads: ReadonlySet<string>,
  module: string,
  env: Readonly<Record<string, string>>,
  clock?: 'real' | 'fake',
): Promise<Engine> {
  if (reads.has(HOSTING)) return hostedEngine(module, { ...env, [HOSTING]: 'auto' }, { [HOSTING]: 'never' })
  if (!reads.has(SIGNED_URLS) || env[SIGNED_URLS] !== undefined) return { name: 'embedded', env, clock: clock ?? 'fake', module }
  const server = await serveSignedUrls(adapter, env)
  return { name: 'embedded', env: server.env, clock: clock ?? 'real', module, stop: () => server.close() }
}

/** What can be done to an embedded engine beneath its adapter: only to data that nobody will miss. */
function faultsOf(adapter: string, directory: string): Partial<Engine> {
  if (adapter === 'local-blob')
    return { damage: (key, offset) => damageBlob(directory, key, offset), leftovers: () => blobLeftovers(directory) }
  if (adapter === 'local-jobs') return { restart: () => jobsOutage(directory) }
  return {}
}

function empty(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
}
