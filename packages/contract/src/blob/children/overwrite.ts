import type { ChildScript } from '../../child-process.js'
import { openInChild } from './open-in-child.js'
import { numbered } from './numbered.js'

/** Overwrites one key with numbered bodies until it is killed, and says after each that it was acknowledged [B59]. */
export const run: ChildScript = async ({ manifest, env, args, send }) => {
  const { key, from, sizeBytes } = args as { key: string; from: number; sizeBytes: number }
  const blobs = await openInChild(manifest, env)
  send({ ready: true })
  for (let number = from; ; number++) {
    const body = numbered(number, sizeBytes)
    const streamed = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < body.byteLength; at += 65_536) yield body.subarray(at, at + 65_536)
    }
    await blobs.put(key, number % 2 === 0 ? body : streamed(), { metadata: { number: String(number) } })
    send({ acknowledged: number })
  }
}
