import type { Engine } from '@pdvend/contract'
import { JobQueue, type JobDriver, type JobQueueOptions, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { manifest } from '../src/index.js'

export type Env = Readonly<Record<string, string | undefined>>

/** The settings that an environment gives. */
export async function settingsOf(env: Env) {
  const read = await readSettings(manifest.config, Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)))
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  return read.settings
}

export const deps = () => ({ clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(60_000) })

/** A call that a test gives up on after so long. */
export const within = (ms: number) => ({ signal: AbortSignal.timeout(ms) })

export async function openDriver(engine: Engine, env: Env = {}): Promise<JobDriver> {
  return manifest.open(await settingsOf({ ...engine.env, ...env }), deps())
}

/** The app's face. */
export async function openJobs(engine: Engine, env: Env = {}, options: Partial<JobQueueOptions> = {}): Promise<JobQueue> {
  const driver = await openDriver(engine, env)
  return new JobQueue(driver, { adapter: manifest.name, capabilities: driver.capabilities ?? manifest.capabilities, ...options })
}

export async function until(done: () => boolean | Promise<boolean>, mostMs: number): Promise<void> {
  for (const end = Date.now() + mostMs; !(await done());) {
    if (Date.now() > end) throw new Error(`not within ${mostMs} ms: ${done.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
