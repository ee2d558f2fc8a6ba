import { readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { SpooledDead } from '@pdvend/ports'
import type { SpoolFiles } from './files.js'
import { deadRecord, FILE_HEADER, fileHeader, type FoundRecord, type RecordFields } from './record.js'
import { scanFile } from './scan.js'

/** Dead letters of one spool: files `<n>.dead` of the same records, the newest one growing. */
export class DeadLetters {
  count = 0
  /** In files and in memory. */
  bytes = 0
  /** Not in a file yet. */
  #unwritten: Buffer[] = []
  #files: string[] = []
  #current: { readonly path: string; readonly handle: number; position: number } | undefined
  #number = 0

  constructor(
    private readonly folder: () => string,
    private readonly files: SpoolFiles,
    private readonly now: () => number,
  ) {}

  add(fields: RecordFields, body: Uint8Array | string, reason: string, whole: boolean): void {
    const record = deadRecord(fields, body, { reason, whole, diedAt: this.now() })
    this.#unwritten.push(record)
    this.bytes += record.byteLength
    this.count += 1
  }

  get unwritten(): boolean {
    return this.#unwritten.length > 0
  }

  /** @throws what the disk says; what is not in the file stays in memory */
  write(): void {
    if (this.#unwritten.length === 0) return
    const current = (this.#current ??= this.#open())
    const bytes = Buffer.concat(current.position === 0 ? [fileHeader(), ...this.#unwritten] : this.#unwritten)
    // The position moves only when all is written: what was cut short is written again at the same place.
    for (let done = 0; done < bytes.byteLength;) done += this.files.write(current.handle, bytes.subarray(done), current.position + done)
    current.position += bytes.byteLength
    this.#unwritten = []
  }

  /** Makes what is written survive a power cut. */
  async sync(): Promise<void> {
    if (this.#current !== undefined) await this.files.sync(this.#current.handle)
  }

  /** Takes over the dead letters that a dead process left in `folder`; gives how many are readable, which the caller counts, and how many are lost. */
  async adopt(folder: string): Promise<{ readonly found: number; readonly lost: number }> {
    let found = 0
    let lost = 0
    for (const name of readdirSync(folder)
      .filter((entry) => entry.endsWith('.dead'))
      .sort()) {
      const path = join(folder, name)
      const scan = scanFile(await readFile(path))
      found += scan.records.length
      lost += scan.lost.reduce((sum, { count }) => sum + Math.max(1, count), 0)
      this.bytes += statSync(path).size
      this.#files.push(path)
    }
    return { found, lost }
  }

  async *list(): AsyncIterable<SpooledDead> {
    try {
      this.write()
    } catch {
      // The writer tells about a disk that refuses; here the records in memory are listed as well.
    }
    const waiting = [...this.#unwritten]
    for (const path of [...this.#files]) for (const record of await recordsOf(path)) yield deadOf(record)
    for (const bytes of waiting) for (const record of scanFile(Buffer.concat([fileHeader(), bytes])).records) yield deadOf(record)
  }

  /**
   * Takes out the records that `take` accepts; `kept` must be durable before the files change, so that a crash in between
   * doubles an event, which its id makes harmless, rather than losing it.
   */
  async remove(take: (dead: SpooledDead) => boolean, kept: () => Promise<void>): Promise<number> {
    this.write()
    this.#closeCurrent()
    const rewritten: { readonly path: string; readonly stay: FoundRecord[]; readonly before: number }[] = []
    let removed = 0
    for (const path of [...this.#files]) {
      const records = await recordsOf(path)
      const stay = records.filter((record) => {
        const taken = take(deadOf(record))
        if (taken) this.count -= 1
        return !taken
      })
      removed += records.length - stay.length
      if (stay.length < records.length) rewritten.push({ path, stay, before: statSync(path).size })
    }
    if (removed > 0) await kept()
    for (const { path, stay, before } of rewritten) this.bytes += this.#rewrite(path, stay) - before
    return removed
  }

  /** Is something left in files of `folder`? */
  holds(folder: string): boolean {
    return this.#files.some((path) => dirname(path) === folder)
  }

  close(): void {
    this.#closeCurrent()
  }

  #open(): { readonly path: string; readonly handle: number; position: number } {
    const path = join(this.folder(), `${String(++this.#number).padStart(8, '0')}.dead`)
    const handle = this.files.open(path, 'w')
    this.#files.push(path)
    this.bytes += FILE_HEADER
    return { path, handle, position: 0 }
  }

  #rewrite(path: string, stay: readonly FoundRecord[]): number {
    if (stay.length === 0) {
      rmSync(path, { force: true })
      this.#files = this.#files.filter((file) => file !== path)
      return 0
    }
    const bytes = Buffer.concat([fileHeader(), ...stay.map((record) => deadRecord(record, record.body, record.dead!))])
    const fresh = join(dirname(path), `${basename(path)}.new`)
    const handle = this.files.open(fresh, 'w')
    try {
      for (let done = 0; done < bytes.byteLength;) done += this.files.write(handle, bytes.subarray(done), done)
    } finally {
      this.files.close(handle)
    }
    renameSync(fresh, path)
    return bytes.byteLength
  }

  #closeCurrent(): void {
    if (this.#current !== undefined) this.files.close(this.#current.handle)
    this.#current = undefined
  }
}

async function recordsOf(path: string): Promise<readonly FoundRecord[]> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0)) // replayed meanwhile
  return scanFile(bytes).records.filter(({ dead }) => dead !== undefined)
}

function deadOf({ id, type, at, key, body, dead }: FoundRecord): SpooledDead {
  const { reason, diedAt, whole } = dead!
  return { id, type, at, ...(key === undefined ? {} : { key }), bytes: body, reason, whole, diedAt: new Date(diedAt) }
}
