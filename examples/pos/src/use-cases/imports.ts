import { randomUUID } from 'node:crypto'
import { injectable } from 'inversify'
import { BlobStorage, JobQueue, PortError, type BlobSource } from '@pdvend/ports'
import type { ImportReport, ImportState } from '../contracts/api.js'
import { importCatalogue, type ImportProgress } from '../contracts/jobs.js'
import { importFileKey, importRecordKey } from './keys.js'

/** What is kept of an import beside its file. */
export interface ImportRecord {
  readonly importId: string
  readonly fileName: string
  readonly at: string
  /** Once the job has begun: how far it came. */
  readonly progress?: ImportProgress
  readonly report?: ImportReport
}

/** How many imports the back office shows. */
const SHOWN = 5

/** Takes supplier files in and knows how far each is. Import ids begin with the time. */
@injectable()
export class Imports {
  constructor(
    private readonly blobs: BlobStorage,
    private readonly jobs: JobQueue,
  ) {}

  /** Stores the file and enqueues its import. Each step may be done again: asking twice with one id imports once. */
  async request(importId: string, fileName: string, csv: BlobSource): Promise<void> {
    await this.#putOnce(importFileKey(importId), csv, 'text/csv')
    const record: ImportRecord = { importId, fileName, at: new Date().toISOString() }
    await this.#putOnce(importRecordKey(importId), JSON.stringify(record), 'application/json')
    await this.jobs.enqueue(importCatalogue, { importId }, { dedupeKey: importId })
  }

  async read(importId: string): Promise<ImportRecord | undefined> {
    try {
      await using reader = await this.blobs.get(importRecordKey(importId))
      return await reader.json<ImportRecord>()
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  async amend(importId: string, edit: (record: ImportRecord) => ImportRecord): Promise<void> {
    await this.blobs.update(importRecordKey(importId), async (current) => {
      const record = current ? await current.json<ImportRecord>() : { importId, fileName: importId, at: new Date().toISOString() }
      return JSON.stringify(edit(record))
    })
  }

  /** The latest imports, newest first. */
  async latest(): Promise<readonly ImportState[]> {
    const ids: string[] = []
    for await (const entry of this.blobs.list({ prefix: 'imports/' })) {
      if (entry.kind === 'blob' && entry.key.endsWith('.json')) ids.push(entry.key.slice('imports/'.length, -'.json'.length))
    }
    return this.#states(ids.sort().reverse().slice(0, SHOWN))
  }

  async state(importId: string): Promise<ImportState | undefined> {
    return (await this.#states([importId]))[0]
  }

  /** The queue is asked for its dead letters only where an import is not done: they alone know what gave up, whatever killed it. */
  async #states(importIds: readonly string[]): Promise<readonly ImportState[]> {
    const found = await Promise.all(importIds.map((id) => this.read(id)))
    const records = found.filter((record) => record !== undefined)
    const dead = records.every(({ report }) => report !== undefined) ? new Set<string>() : await this.#dead()
    return records.map(({ importId, fileName, at, progress, report }) => {
      if (report !== undefined)
        return { importId, fileName, at, state: 'done', rows: report.rows, stored: report.rows - report.refused, report }
      const state = dead.has(importId) ? 'failed' : progress === undefined ? 'waiting' : 'running'
      return { importId, fileName, at, state, ...progress }
    })
  }

  async #dead(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>()
    for await (const { input } of this.jobs.dead.list({ name: importCatalogue.name })) ids.add((input as { importId: string }).importId)
    return ids
  }

  async #putOnce(key: string, source: BlobSource, contentType: string): Promise<void> {
    try {
      await this.blobs.put(key, source, { contentType, if: { create: true } })
    } catch (error) {
      if (!PortError.is(error, 'PRECONDITION_FAILED', 'ALREADY_EXISTS')) throw error
    }
  }
}

/** Begins with the time, so that imports sort by it: `20261123-150000-k3v9x2ab`. */
export function newImportId(now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${time}-${randomUUID().slice(0, 8)}`
}
