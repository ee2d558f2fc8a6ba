import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { encodeRuns, type Run } from './acks.js'
import type { SpoolFiles } from './files.js'
import { FILE_HEADER, fileHeader } from './record.js'

/** A file of consecutive records, and what is known of them. Only the youngest segment of a spool grows. */
export class Segment {
  /** The bytes, while they are needed in memory: not all on disk, growing, or being read. */
  buffer: Buffer | undefined
  /** End of the last record. */
  filled = FILE_HEADER
  /** Bytes that are in the file. */
  written = 0
  /** Records in it, read or not. */
  records = 0
  /** Records that are not settled. */
  pending = 0
  /** Of these, those not taken yet. */
  unread = 0
  unreadBytes = 0
  /** No more records come. */
  sealed = false
  removed = false
  /** Acknowledged at recovery, by offset. */
  acknowledged: ((offset: number) => boolean) | undefined
  /** Another process wrote it. */
  recovered = false
  /** A record of it became a dead letter that may not be on disk yet. */
  awaitsDead = false
  /** The reader is in it: its bytes stay in memory. */
  reading = false
  /** Its bytes never left memory: checksums need no second look. */
  fresh = false
  #handle: number | undefined
  /** Bytes of whole entries in the file of acknowledgements. */
  ackBytes = 0
  #ackHandle: number | undefined
  #acks: Run[] = []
  #synced = 0
  #syncing: Promise<void> | undefined

  constructor(
    readonly path: string,
    public firstSequence: number,
    private readonly files: SpoolFiles,
  ) {}

  static grow(path: string, firstSequence: number, capacity: number, files: SpoolFiles): Segment {
    const segment = new Segment(path, firstSequence, files)
    segment.buffer = Buffer.allocUnsafeSlow(capacity)
    segment.fresh = true
    fileHeader().copy(segment.buffer)
    return segment
  }

  get unwritten(): number {
    return this.filled - this.written
  }

  get unsynced(): boolean {
    return this.#handle !== undefined && this.#synced < this.written
  }

  /** Writes what is not in the file yet. @throws what the disk says; what was written counts */
  write(): void {
    if (this.removed) return
    this.#handle ??= this.#open(this.path, 'w')
    while (this.written < this.filled) {
      this.written += this.files.write(this.#handle, this.buffer!.subarray(this.written, this.filled), this.written)
    }
    this.unload()
  }

  /** Makes what is written survive a power cut. */
  async sync(): Promise<void> {
    await this.#syncing
    const upTo = this.written
    if (this.#handle === undefined || this.#synced >= upTo) return
    this.#syncing = this.files.sync(this.#handle)
    try {
      await this.#syncing
      this.#synced = Math.max(this.#synced, upTo)
    } finally {
      this.#syncing = undefined
      if (this.removed || (this.sealed && this.unwritten === 0 && !this.unsynced)) this.#closeFile()
    }
  }

  /** The bytes, from memory or from disk. @throws what the disk says */
  async load(): Promise<Buffer> {
    if (this.buffer === undefined) {
      this.fresh = false
      this.buffer = await readFile(this.path)
    }
    return this.buffer
  }

  /** Lets the bytes go when they are on disk and nobody needs them: with the engine down, memory holds the growing segment and the one being read. */
  unload(): void {
    if (this.sealed && !this.reading && this.unwritten === 0) this.buffer = undefined
  }

  /** Notes that the record from `start` to `end` is settled; written by {@link writeAcks}. */
  acknowledge(start: number, end: number): void {
    this.pending -= 1
    const last = this.#acks.at(-1)
    if (last !== undefined && last.end === start) last.end = end
    else this.#acks.push({ start, end })
  }

  get hasAcks(): boolean {
    return this.#acks.length > 0
  }

  /** @throws what the disk says; the acknowledgements stay to be written later */
  writeAcks(): void {
    if (this.#acks.length === 0 || this.removed) return
    this.#ackHandle ??= this.#open(ackPath(this.path), this.ackBytes > 0 ? 'r+' : 'w')
    const bytes = encodeRuns(this.#acks)
    // After a short write the same entries are written again at the same place.
    if (this.files.write(this.#ackHandle, bytes, this.ackBytes) < bytes.byteLength)
      throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
    this.ackBytes += bytes.byteLength
    this.#acks = []
  }

  /** Deletes its files: the records first, so that a crash in between never leaves records without their acknowledgements [T25]. */
  remove(): void {
    this.removed = true
    this.buffer = undefined
    this.close()
    rmSync(this.path, { force: true })
    rmSync(ackPath(this.path), { force: true })
  }

  close(): void {
    if (this.#ackHandle !== undefined) this.files.close(this.#ackHandle)
    this.#ackHandle = undefined
    if (this.#syncing === undefined) this.#closeFile()
  }

  /** A folder that somebody deleted is made again. */
  #open(path: string, flags: string): number {
    try {
      return this.files.open(path, flags)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.files.mkdir(dirname(path))
      return this.files.open(path, 'w')
    }
  }

  #closeFile(): void {
    if (this.#handle !== undefined) this.files.close(this.#handle)
    this.#handle = undefined
  }
}

export function ackPath(segmentPath: string): string {
  return segmentPath.replace(/\.seg$/, '.ack')
}
