import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Engine } from '@pdvend/contract'
import { BlobStorage, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { localBlob } from '../../src/blob/index.js'
import { type BlobHandler, createBlobHandler } from '../../src/blob-handler/index.js'
import { blobLeftovers, damageBlob } from '../../src/faults/index.js'
import { embeddedEngine } from '../embedded-engine.js'

/** The embedded blob store with a server for its signed URLs. */
export async function blobEngine(): Promise<Engine> {
  const mounted: BlobHandler[] = []
  const server = createServer((request, response) => void mounted[0]?.(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const embedded = embeddedEngine('blob', { PDVEND_BLOB_URL: `http://127.0.0.1:${port}/shop/blobs` })
  const directory = embedded.env.PDVEND_LOCAL_DIR!
  const engine: Engine = {
    ...embedded,
    clock: 'real',
    damage: (key, offset) => damageBlob(directory, key, offset),
    leftovers: () => blobLeftovers(directory),
    async stop() {
      await blobs.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await embedded.stop?.()
    },
  }
  const blobs = await openBlobs(engine.env)
  mounted.push(await createBlobHandler(blobs, { env: engine.env }))
  return engine
}

export async function openBlobs(env: Readonly<Record<string, string>>): Promise<BlobStorage> {
  const read = await readSettings(localBlob.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const driver = await localBlob.open(read.settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
  return new BlobStorage(driver, { adapter: localBlob.name })
}
