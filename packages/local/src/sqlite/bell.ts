import { closeSync, constants, type FSWatcher, mkdirSync, openSync, watch, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { failSqlite } from './database.js'

/**
 * Wakes the other processes that share a directory: whoever has committed something rings, everybody else's listeners
 * run within milliseconds. Nothing polls. A ring may be missed on file systems without change events, so listeners also
 * run every `fallbackMs`.
 */
export interface Bell {
  ring(): void
  /** Calls `listener` on each ring of any process, this one included; many rings may be one call. Returns how to stop. */
  listen(listener: () => void): () => void
  close(): void
}

/** @throws CONFIG_INVALID | PERMISSION_DENIED | UNAVAILABLE what is wrong with PDVEND_LOCAL_DIR */
export function openBell(file: string, fallbackMs = 1_000): Bell {
  const handle = openFile(file)
  const listeners = new Set<() => void>()
  let watcher: FSWatcher | undefined
  let fallback: ReturnType<typeof setInterval> | undefined
  let scheduled = false
  let closed = false

  const tell = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      for (const listener of listeners) listener()
    })
  }
  const start = (): void => {
    if (watcher !== undefined || fallback !== undefined) return
    try {
      watcher = watch(file, { persistent: false }, tell)
      watcher.on('error', () => watcher?.close())
    } catch {
      watcher = undefined // no change events here: the fallback does it
    }
    fallback = setInterval(tell, fallbackMs)
    fallback.unref()
  }
  const stop = (): void => {
    watcher?.close()
    clearInterval(fallback)
    watcher = fallback = undefined
  }
  return {
    ring() {
      if (closed) return
      tell()
      // Always the same byte at the same place: the change event is the message, the file stays one byte long.
      writeSync(handle, '.', 0)
    },
    listen(listener) {
      listeners.add(listener)
      start()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) stop()
      }
    },
    close() {
      if (closed) return
      closed = true
      stop()
      listeners.clear()
      closeSync(handle)
    },
  }
}

function openFile(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true })
    return openSync(file, constants.O_RDWR | constants.O_CREAT)
  } catch (cause) {
    throw failSqlite('open', cause)
  }
}
