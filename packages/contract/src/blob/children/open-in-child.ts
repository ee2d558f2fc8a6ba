import { type AnyAdapter, BlobStorage, type BlobDriver, readSettings, silentLogger, systemClock } from '@pdvend/ports'

/** The app's face over the adapter under test, in a process of its own. */
export async function openInChild(manifest: AnyAdapter, env: Readonly<Record<string, string>>): Promise<BlobStorage> {
  const read = await readSettings(manifest.config, env)
  if (read.problems !== undefined) throw new Error(`the engine's settings are wrong: ${JSON.stringify(read.problems)}`)
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
  const driver = (await manifest.open(read.settings as never, deps)) as BlobDriver
  return new BlobStorage(driver, { adapter: manifest.name })
}
