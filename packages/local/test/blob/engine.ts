import { once } from 'node:events'
import { open, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Engine } from '@pdvend/contract'
import { BlobStorage, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { localBlob } from '../../src/blob/index.js'
import { migrations } from '../../src/blob/catalog.js'
import { type BlobHandler, createBlobHandler } from '../../src/blob-handler/index.js'
import { openDatabase } from '../../src/sqlite/database.js'
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
    damage: (key, offset) => damage(directory, key, offset),
    leftovers: () => leftovers(directory),
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

/** Flips a bit where the body really is: in its file, or in the index's row. */
async function damage(directory: string, key: string, offset: number): Promise<void> {
  const database = await openDatabase(join(directory, 'blob.db'), migrations)
  const bytes = Buffer.from(key)
  try {
    const row = database.prepare('SELECT file, body FROM blobs WHERE key = ?').get(bytes)
    if (typeof row?.file === 'string') {
      const handle = await open(join(directory, 'blob', row.file.slice(0, 2), row.file), 'r+')
      const byte = Buffer.alloc(1)
      await handle.read(byte, 0, 1, offset)
      byte[0]! ^= 0x10
      await handle.write(byte, 0, 1, offset)
      await handle.close()
    } else {
      const body = Buffer.from(row!.body as Uint8Array)
      body[offset]! ^= 0x10
      await database.write(() => database.prepare('UPDATE blobs SET body = ? WHERE key = ?').run(body, bytes))
    }
  } finally {
    await database.close()
  }
}

async function leftovers(directory: string): Promise<readonly string[]> {
  const database = await openDatabase(join(directory, 'blob.db'), migrations)
  try {
    const referred = database.prepare('SELECT 1 FROM blobs WHERE file = ?')
    const names = await readdir(join(directory, 'blob'), { recursive: true, withFileTypes: true })
    return names
      .filter((entry) => entry.isFile() && entry.name !== 'signing.key' && referred.get(entry.name) === undefined)
      .map(({ name }) => name)
  } finally {
    await database.close()
  }
}
