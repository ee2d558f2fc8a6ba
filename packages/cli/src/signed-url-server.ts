import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BlobHandler, createBlobHandler } from '@pdvend/local/blob-handler'
import { type AnyAdapter, type BlobDriver, BlobStorage, silentLogger, systemClock } from '@pdvend/ports'
import { settingsOf } from './adapter-settings.js'

/** Answers the signed URLs of an embedded store, as an app does that mounts the handler. */
export interface SignedUrlServer {
  /** The settings, with the address of this server among them. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** Starts a server on a free port of this machine over an instance of the adapter of its own. */
export async function serveSignedUrls(adapter: AnyAdapter, given: Readonly<Record<string, string>>): Promise<SignedUrlServer> {
  const mounted: BlobHandler[] = []
  const server = createServer((request, response) => void mounted[0]?.(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const env = { ...given, PDVEND_BLOB_URL: `http://127.0.0.1:${port}/blobs` }
  const settings = await settingsOf(adapter, env)
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
  const blobs = new BlobStorage((await adapter.open(settings, deps)) as BlobDriver, { adapter: adapter.name })
  mounted.push(await createBlobHandler(blobs, { env }))
  return {
    env,
    async close() {
      await blobs.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
