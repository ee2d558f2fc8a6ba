import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, openSync, unlinkSync } from 'node:fs'
import { copyFile, type FileHandle, link, mkdir, open, readdir, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'

/** A random name: that of a version, and of its body's file. */
export function newName(): string {
  return randomBytes(16).toString('hex')
}

/** A body file that is being written; no blob refers to it yet. */
export interface FileDraft {
  readonly name: string
  write(block: Uint8Array): Promise<void>
  /** Brings the bytes and the name to the disk. */
  sync(): Promise<void>
  /** Is it still there? Asked inside the index's transaction, where no sweep can run. */
  isLinked(): boolean
  /** Ends the work with it; `keep` once a blob refers to it. */
  close(fate: 'keep' | 'discard'): Promise<void>
}

/** How many names are looked up in the index in one step of a sweep. */
const SWEEP_STEP = 64

/**
 * The bodies that are too large for the index: one file a version, named at random (never by key), in 256 folders, never
 * changed once a blob refers to it. A reader's open file outlives its removal.
 */
export class BodyFiles {
  readonly #drafts = new Set<{ readonly path: string }>()
  #heartbeat: ReturnType<typeof setInterval> | undefined

  constructor(
    readonly directory: string,
    private readonly sweepAfterMs: number,
  ) {}

  async create(): Promise<FileDraft> {
    const name = newName()
    const path = this.#path(name)
    const handle = await this.#inFolder(name, () => open(path, 'wx'))
    return this.#draft(name, path, handle)
  }

  /** A second name for the same bytes, or a copy where the file system has no hard links. ENOENT when the file is gone. */
  async duplicate(file: string): Promise<FileDraft> {
    const name = newName()
    const path = this.#path(name)
    await this.#inFolder(name, async () => {
      try {
        await link(this.#path(file), path)
      } catch (error) {
        if (!['EPERM', 'ENOTSUP', 'EMLINK', 'EXDEV', 'ENOSYS'].includes(String((error as NodeJS.ErrnoException).code))) throw error
        await copyFile(this.#path(file), path)
      }
    })
    return this.#draft(name, path, await open(path, 'r+'))
  }

  open(file: string): Promise<FileHandle> {
    return open(this.#path(file), 'r')
  }

  /** Removes a file that no blob refers to any more; what fails is left to the sweep. */
  async remove(file: string): Promise<void> {
    await unlink(this.#path(file)).catch(() => undefined)
  }

  /**
   * Removes what killed writers left: files that no blob refers to and that nobody has touched for `sweepAfterMs`.
   * `step` runs its work inside the index's write transaction, so that no other process can publish the file meanwhile.
   */
  async sweep(
    refersTo: (file: string) => boolean,
    step: (work: () => number) => Promise<number>,
    now: () => number = Date.now,
  ): Promise<number> {
    let removed = 0
    for (const folder of await this.#folders()) {
      const names = await readdir(join(this.directory, folder)).catch(() => [])
      for (let at = 0; at < names.length; at += SWEEP_STEP) {
        const loose = names.slice(at, at + SWEEP_STEP).filter((name) => !refersTo(name))
        const old: string[] = []
        for (const name of loose) {
          const found = await stat(join(this.directory, folder, name)).catch(() => undefined)
          if (found !== undefined && found.mtimeMs <= now() - this.sweepAfterMs) old.push(name)
        }
        if (old.length > 0)
          removed += await step(() => old.filter((name) => !refersTo(name) && unlinked(join(this.directory, folder, name))).length)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return removed
  }

  close(): void {
    clearInterval(this.#heartbeat)
    this.#heartbeat = undefined
  }

  #draft(name: string, path: string, handle: FileHandle): FileDraft {
    const entry = { path }
    this.#drafts.add(entry)
    this.#beat()
    let position = 0
    let closed = false
    return {
      name,
      async write(block) {
        for (let done = 0; done < block.byteLength;) {
          const { bytesWritten } = await handle.write(block, done, block.byteLength - done, position)
          done += bytesWritten
          position += bytesWritten
        }
      },
      sync: async () => {
        await handle.datasync()
        syncDirectory(join(this.directory, name.slice(0, 2)))
      },
      isLinked: () => fstatSync(handle.fd).nlink > 0,
      close: async (fate) => {
        if (closed) return
        closed = true
        this.#drafts.delete(entry)
        await handle.close()
        if (fate === 'discard') await this.remove(name)
      },
    }
  }

  /** Touches the files in work, so that a slow upload is not taken for one that was killed. */
  #beat(): void {
    if (this.#heartbeat !== undefined) return
    const touch = (): void => {
      const now = new Date()
      for (const { path } of this.#drafts) utimes(path, now, now).catch(() => undefined)
      if (this.#drafts.size === 0) this.close()
    }
    this.#heartbeat = setInterval(touch, Math.max(1_000, this.sweepAfterMs / 4))
    this.#heartbeat.unref()
  }

  async #inFolder<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      // Not asked whether the folder is missing: another upload may have made it in between.
      const folder = join(this.directory, name.slice(0, 2))
      await mkdir(folder, { recursive: true })
      syncDirectory(this.directory)
      return work()
    }
  }

  async #folders(): Promise<readonly string[]> {
    const names = await readdir(this.directory).catch(() => [])
    return names.filter((name) => /^[0-9a-f]{2}$/.test(name))
  }

  #path(name: string): string {
    return join(this.directory, name.slice(0, 2), name)
  }
}

function unlinked(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch {
    return false
  }
}

/** A new name is on disk only once its directory is. Windows cannot open one; there the file system's journal does it. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
