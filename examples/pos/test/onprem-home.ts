import { type RunningEngine, startEngine, whyMissing } from '@pdvend/engines'

const ENGINES = ['minio', 'kafka', 'mosquitto', 'postgres'] as const

/** The engines of the shop on one's own machines, and the settings that lead to them. */
export interface OnpremHome extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>
  readonly engines: { readonly [Name in (typeof ENGINES)[number]]: RunningEngine }
}

/** Why this machine cannot have them all; undefined: it can. */
export async function whyNoOnprem(): Promise<string | undefined> {
  for (const name of ENGINES) {
    const reason = await whyMissing(name)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Starts them, empty: nothing is provisioned. */
export async function startOnprem(): Promise<OnpremHome> {
  const started = await Promise.all(ENGINES.map(async (name) => [name, await startEngine(name)] as const))
  const settings = Object.assign({}, ...started.map(([, { env }]) => env)) as Record<string, string>
  return {
    env: { PDVEND_PROFILE: 'onprem', PDVEND_BLOB_BUCKET: 'pdv-shop', ...settings },
    engines: Object.fromEntries(started) as OnpremHome['engines'],
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map(([, engine]) => engine.stop()))
    },
  }
}
