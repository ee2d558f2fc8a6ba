import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { isConfigError, type Running } from '@pdvend/container'
import { createBlobHandler } from '@pdvend/local/blob-handler'
import { BlobStorage, PortError } from '@pdvend/ports'
import { app } from './app.js'
import { departmentPicture } from './contracts/api.js'
import { buildServer, type ServerOptions } from './http/server.js'
import { jsonLog } from './json-log.js'
import { bindShop, shopOf, startBackground } from './shop-container.js'
import { Ports } from './use-cases/back-office.js'
import { Devices } from './use-cases/devices.js'
import { OpenShop } from './use-cases/open-shop.js'

/** Where this server answers the embedded store's signed URLs; an address of its own wins. */
const env = { PDVEND_BLOB_URL: '/blobs', ...process.env }

const FOLLOW_AGAIN_MS = 5_000

const demoCatalogue = new URL('../data/catalog.csv', import.meta.url)

async function main(): Promise<void> {
  const running = await app.start(env)
  try {
    await open(running)
  } catch (error) {
    await running.close()
    throw error
  }
}

async function open(running: Running): Promise<void> {
  const { container } = running
  const ports: Ports = {
    profile: running.profile,
    async health() {
      const { ports: found } = await running.health()
      return Object.entries(found).map(([port, { status, adapter, latencyMs, lastError }]) => ({
        port,
        adapter,
        state: status,
        latencyMs,
        ...(lastError === undefined ? {} : { lastError: lastError.code }),
      }))
    },
  }
  bindShop(container, ports)
  const shop = shopOf(container)
  startBackground(container)
  await container.get(OpenShop).run(() => readFile(demoCatalogue))

  followDevices(container.get(Devices))

  const options: ServerOptions = { health: async () => (await running.health()).status, ...(await signedUrls(running)) }
  const server = await buildServer(shop, options)
  running.onClose('http', async (budgetMs) => {
    // Who is still talking by then is cut off, so that the ports have their time to close.
    const timer = setTimeout(() => server.server.closeAllConnections(), budgetMs * 0.8)
    await server.close().finally(() => clearTimeout(timer))
  })
  await server.listen({ port: wantedPort(), host: process.env.HOST ?? 'localhost' })
  const { port } = server.server.address() as AddressInfo
  console.log(
    `PDVend point of sale (profile ${running.profile})\n  till         http://localhost:${port}/till\n  back office  http://localhost:${port}/office`,
  )
}

/** Follows presence as long as the push port is open: what fails, as when a store is away for a moment, begins again. */
function followDevices(devices: Devices): void {
  devices.follow().catch((error: unknown) => {
    if (PortError.is(error, 'CLOSED')) return
    jsonLog.error({ error: String(error) }, 'presence is not followed; trying again')
    setTimeout(followDevices, FOLLOW_AGAIN_MS, devices).unref()
  })
}

/** The embedded store's URLs are answered here; another store's lead to its own address, which the pages must be allowed to use. */
async function signedUrls(running: Running): Promise<Pick<ServerOptions, 'blobHandler' | 'storeOrigin'>> {
  const blobs = running.container.get(BlobStorage)
  if (running.adapters.blob === 'local-blob') return { blobHandler: await createBlobHandler(blobs, { env, log: jsonLog }) }
  const { url } = await blobs.sign.get(departmentPicture('other'))
  return { storeOrigin: new URL(url).origin }
}

/** @throws RangeError when PORT is not a port */
function wantedPort(): number {
  const text = process.env.PORT ?? '3000'
  const port = Number(text)
  if (text !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new RangeError(`PORT: got "${text}"; give a number from 0 (any free port) to 65535, e.g. 3000`)
}

main().catch((error: unknown) => {
  const taken = (error as { code?: unknown }).code === 'EADDRINUSE'
  const known = PortError.is(error) || error instanceof RangeError
  const message = error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error)
  console.error(taken ? `Port ${wantedPort()} is taken: end what uses it, or choose another one, e.g. PORT=3001 npm start` : message)
  // EX_CONFIG of sysexits.h: starting again does not help.
  process.exit(isConfigError(error) || error instanceof RangeError ? 78 : 1)
})
