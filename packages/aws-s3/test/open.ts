import type { Engine } from '@pdvend/contract'
import { BlobStorage, type BlobStorageOptions, type BlobDriver, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { manifest } from '../src/index.js'

type Env = Readonly<Record<string, string | undefined>>

/** The settings that an environment gives. */
export async function settingsOf(env: Env) {
  const read = await readSettings(manifest.config, Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)))
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  return read.settings
}

export const deps = () => ({ clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })

export async function openDriver(store: Engine, env: Env = {}): Promise<BlobDriver> {
  return manifest.open(await settingsOf({ ...store.env, ...env }), deps())
}

/** The app's face over a store. */
export async function openBlobs(store: Engine, env: Env = {}, options: BlobStorageOptions = {}): Promise<BlobStorage> {
  const driver = await openDriver(store, env)
  return new BlobStorage(driver, { adapter: manifest.name, capabilities: driver.capabilities ?? manifest.capabilities, ...options })
}

/** `length` bytes that differ from place to place. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0, state = seed + 1; at < length; at++) bytes[at] = (state = (state * 1_103 + 12_345) % 2_147_483_647) >>> 8
  return bytes
}
