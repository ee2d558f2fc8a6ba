// The stores under comparison, each behind the same four calls over a directory of its own.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { FileStorage } from '@flystorage/file-storage'
import { LocalStorageAdapter } from '@flystorage/local-fs'
import { localBlob } from '@pdvend/local/blob'
import { BlobStorage, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { Disk } from 'flydrive'
import { FSDriver } from 'flydrive/drivers/fs'
import { createStorage } from 'unstorage'
import unstorageFs from 'unstorage/drivers/fs'

/** What a careful person writes by hand: temporary file, fsync, rename. */
async function rawFs(directory) {
  return {
    name: 'fs write + fsync + rename',
    durable: true,
    async put(key, bytes) {
      const path = join(directory, key)
      const draft = `${path}.${randomBytes(6).toString('hex')}`
      const handle = await open(draft, 'w')
      await handle.writeFile(bytes)
      await handle.sync()
      await handle.close()
      await rename(draft, path)
    },
    get: (key) => readFile(join(directory, key)),
    async stream(key, source) {
      const draft = join(directory, `${key}.draft`)
      const handle = await open(draft, 'w')
      try {
        for await (const chunk of source) await handle.write(chunk)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(draft, join(directory, key))
    },
    close: async () => {},
  }
}

async function pdvend(directory) {
  const { settings } = await readSettings(localBlob.config, { PDVEND_LOCAL_DIR: directory })
  const driver = await localBlob.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(10_000) })
  const blobs = new BlobStorage(driver, { adapter: localBlob.name })
  return {
    name: '@pdvend/local',
    durable: true,
    put: (key, bytes) => blobs.put(key, bytes),
    get: async (key) => (await blobs.get(key)).bytes(),
    stream: (key, source) => blobs.put(key, source),
    close: () => blobs.close(),
  }
}

async function flydrive(directory) {
  const disk = new Disk(new FSDriver({ location: directory, visibility: 'private' }))
  return {
    name: 'flydrive',
    durable: false,
    put: (key, bytes) => disk.put(key, bytes),
    get: (key) => disk.getBytes(key),
    stream: (key, source) => disk.putStream(key, Readable.from(source)),
    close: async () => {},
  }
}

async function flystorage(directory) {
  const storage = new FileStorage(new LocalStorageAdapter(directory))
  return {
    name: '@flystorage',
    durable: false,
    put: (key, bytes) => storage.write(key, Buffer.from(bytes)),
    get: (key) => storage.readToUint8Array(key),
    stream: (key, source) => storage.write(key, Readable.from(source)),
    close: async () => {},
  }
}

/** It has no streams: a streamed write gathers the body first. */
async function unstorage(directory) {
  const storage = createStorage({ driver: unstorageFs({ base: directory }) })
  return {
    name: 'unstorage',
    durable: false,
    put: (key, bytes) => storage.setItemRaw(key, bytes),
    get: (key) => storage.getItemRaw(key),
    stream: async (key, source) => storage.setItemRaw(key, await buffer(Readable.from(source))),
    close: async () => storage.dispose(),
  }
}

export const stores = [rawFs, pdvend, flydrive, flystorage, unstorage]

export async function openStore(make, directory) {
  await mkdir(directory, { recursive: true })
  return make(directory)
}
