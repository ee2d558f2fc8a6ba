import type { Running } from '@pdvend/container'
import type { PortName } from '@pdvend/ports'
import { knownApp } from './adapters.js'
import type { Setup } from './program.js'

/** Opens one port alone, and closes it when `work` has ended. */
export async function withPort<T>(
  { io, modules }: Setup,
  port: PortName,
  work: (container: Running['container']) => Promise<T>,
): Promise<T> {
  const app = await knownApp(io, modules())
  await using running = await app.start(io.env, { only: [port] })
  return await work(running.container)
}
