import { closeSync, existsSync, fdatasync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const sync = promisify(fdatasync)

/** The calls that may fail when a disk is full, read-only or gone. A test hands in others, to be such a disk. */
export interface SpoolFiles {
  mkdir(path: string): void
  /** Opens for writing; `flags` as in fs.open. */
  open(path: string, flags: string): number
  /** Writes at `position`, or at the end where it is null; may write less than asked. */
  write(handle: number, bytes: Uint8Array, position: number | null): number
  sync(handle: number): Promise<void>
  close(handle: number): void
}

export const diskFiles: SpoolFiles = {
  mkdir: makeFolder,
  open: (path, flags) => openSync(path, flags),
  write: (handle, bytes, position) => writeSync(handle, bytes, 0, bytes.byteLength, position),
  sync,
  close: closeSync,
}

/** Not by `recursive: true`: Node 20 never comes back from it where the parent exists and refuses with ENOENT, as /proc does (seen Nov 2026). */
function makeFolder(path: string): void {
  const parent = dirname(path)
  if (parent !== path && !existsSync(parent)) makeFolder(parent)
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
