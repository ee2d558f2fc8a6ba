import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PortError } from '@pdvend/ports'
import { migrations } from '../blob/catalog.js'
import { type Database, openDatabase } from '../sqlite/database.js'

/** Flips a bit of byte `offset` of a stored body where it really is: in its file, or in the index's row. @throws NOT_FOUND */
export async function damageBlob(directory: string, key: string, offset: number): Promise<void> {
  await withIndex(directory, async (database) => {
    const bytes = Buffer.from(key)
    const row = database.prepare('SELECT file, body FROM blobs WHERE key = ?').get(bytes)
    if (row === undefined) throw new PortError('NOT_FOUND', { adapter: 'local-blob', operation: 'damage', target: key })
    if (typeof row.file !== 'string') {
      const body = flipped(row.body as Uint8Array, offset)
      return void (await database.write(() => database.prepare('UPDATE blobs SET body = ? WHERE key = ?').run(body, bytes)))
    }
    const handle = await open(join(directory, 'blob', row.file.slice(0, 2), row.file), 'r+')
    try {
      const byte = Buffer.alloc(1)
      await handle.read(byte, 0, 1, offset)
      await handle.write(flipped(byte, 0), 0, 1, offset)
    } finally {
      await handle.close()
    }
  })
}

/** Names of body files that no blob refers to; empty = clean. */
export function blobLeftovers(directory: string): Promise<readonly string[]> {
  return withIndex(directory, async (database) => {
    const referred = database.prepare('SELECT 1 FROM blobs WHERE file = ?')
    const names = await readdir(join(directory, 'blob'), { recursive: true, withFileTypes: true })
    return names
      .filter((entry) => entry.isFile() && entry.name !== 'signing.key' && referred.get(entry.name) === undefined)
      .map(({ name }) => name)
  })
}

function flipped(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[offset]! ^= 0x10
  return copy
}

async function withIndex<T>(directory: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = await openDatabase(join(directory, 'blob.db'), migrations)
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}
