import type { Engine } from '@pdvend/contract'
import { openSpool } from '@pdvend/spool'
import { readSettings, silentLogger, systemClock, Telemetry, type TelemetryDriver } from '@pdvend/ports'
import { manifest } from '../src/index.js'

type Env = Readonly<Record<string, string | undefined>>

/** The settings that an environment gives. */
export async function settingsOf(env: Env) {
  const read = await readSettings(manifest.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  return read.settings
}

export async function openDriver(engine: Pick<Engine, 'env'>, env: Env = {}): Promise<TelemetryDriver> {
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
  return manifest.open(await settingsOf({ ...engine.env, ...env }), deps)
}

/** The app's face over a stream, with the spool on disk before it. Small batches, so that faults find many calls. */
export async function openTelemetry(engine: Pick<Engine, 'env'>, directory: string, env: Env = {}): Promise<Telemetry> {
  const spool = await openSpool({ directory })
  return new Telemetry(await openDriver(engine, env), {
    adapter: manifest.name,
    capabilities: manifest.capabilities,
    spool,
    batch: { maxEvents: 40, maxAgeMs: 20, concurrency: 2 },
    retry: { maxAttempts: 3, firstMs: 20, maxMs: 300 },
    timeoutMs: 2_500,
    closeMs: 100,
  })
}
