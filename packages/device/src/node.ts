import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DeviceStore } from './store.js'

/** The file is rewritten when it has this many lines more than entries. */
const SLACK_LINES = 5_000

/**
 * Keeps a device's state in one file: a line of JSON for each write, so that a write costs one append, rewritten now and
 * then. Survives kill -9; after a power cut the last messages may be handled again. One process at a time.
 */
export function fileStore(file: string): DeviceStore {
  const entries = new Map<string, unknown>()
  let handle: number | undefined
  let lines = 0

  const compact = (): void => {
    const next = `${file}.next`
    const out = openSync(next, 'w', 0o600)
    writeSync(out, entries.size === 0 ? '' : `${JSON.stringify([...entries])}\n`)
    closeSync(out)
    renameSync(next, file)
    if (handle !== undefined) closeSync(handle)
    handle = openSync(file, 'a', 0o600)
    lines = 1
  }
  return {
    load() {
      mkdirSync(dirname(file), { recursive: true })
      for (const line of textOf(file).split('\n')) apply(entries, line)
      compact()
      return Promise.resolve(new Map(entries))
    },
    write(changes) {
      if (handle === undefined) return Promise.reject(new Error('the device store is closed'))
      const line = JSON.stringify([...changes].map(([key, value]) => (value === undefined ? [key] : [key, value])))
      // Synchronous, in one call: what the next line of code does happens after it.
      writeSync(handle, `${line}\n`)
      apply(entries, line)
      lines += 1
      if (lines > SLACK_LINES + entries.size) compact()
      return Promise.resolve()
    },
    close() {
      if (handle !== undefined) closeSync(handle)
      handle = undefined
      return Promise.resolve()
    },
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** A line that was cut off by a crash is no write: all or nothing. */
function apply(entries: Map<string, unknown>, line: string): void {
  let changes: readonly (readonly [string, unknown?])[]
  try {
    changes = JSON.parse(line) as typeof changes
  } catch {
    return
  }
  for (const [key, ...value] of changes) {
    if (value.length === 0) entries.delete(key)
    else entries.set(key, value[0])
  }
}
