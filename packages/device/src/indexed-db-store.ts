import type { DeviceStore } from './store.js'

const STORE = 'entries'

/** Keeps a device's state in the browser's IndexedDB. `name` is the database, one for each device; it is shared by all tabs. */
export function indexedDbStore(name: string): DeviceStore {
  let opened: Promise<IDBDatabase> | undefined
  const database = (): Promise<IDBDatabase> => (opened ??= open(name))
  return {
    async load() {
      const entries = (await database()).transaction(STORE).objectStore(STORE)
      const [keys, values] = await Promise.all([settled(entries.getAllKeys()), settled<unknown[]>(entries.getAll())])
      return new Map(keys.map((key, index) => [String(key), values[index]]))
    },
    async write(changes) {
      const transaction = (await database()).transaction(STORE, 'readwrite')
      const entries = transaction.objectStore(STORE)
      for (const [key, value] of changes) {
        if (value === undefined) entries.delete(key)
        else entries.put(value, key)
      }
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve()
        transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB aborted the write'))
      })
    },
    async close() {
      if (opened !== undefined) (await opened).close()
      opened = undefined
    },
  }
}

async function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(STORE)
  const database = await settled(request)
  // Another tab with a newer release may need to change the layout.
  database.onversionchange = () => database.close()
  return database
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('IndexedDB failed'))
  })
}
