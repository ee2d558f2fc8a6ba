import type { ChildScript } from '../../child-process.js'
import { openInChild } from './open-in-child.js'

/** Adds one to a number in a blob, so many times, by compare-and-swap [B65]. */
export const run: ChildScript = async ({ manifest, env, args, send }) => {
  const { key, times } = args as { key: string; times: number }
  const blobs = await openInChild(manifest, env)
  send('ready')
  for (let time = 0; time < times; time++) {
    await blobs.update(key, async (current) => String(Number(current === undefined ? 0 : await current.text()) + 1), { timeoutMs: 60_000 })
  }
  await blobs.close()
}
