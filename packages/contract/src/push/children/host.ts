import { type AnyAdapter, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import type { ChildScript } from '../../child-process.js'

/** Opens an embedded adapter and keeps it open: the engine, in a process of its own that a case may kill. */
export const run: ChildScript = async ({ manifest, env, send }) => {
  const { config, open } = manifest as AnyAdapter<'push'>
  const read = await readSettings(config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  await open(read.settings as never, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
  send('ready')
  // Ends with the parent, so that a killed test run leaves nothing behind.
  await new Promise((resolve) => process.once('disconnect', resolve))
  process.exit()
}
