import { injectable } from 'inversify'
import { BlobStorage } from '@pdvend/ports'
import type { FilesPage, FolderRow } from '../contracts/api.js'

/** A folder's files are counted up to here, so that a large shop's back office stays quick. */
const MAX_COUNTED = 20_000
const PAGE = 50

/** What lies in the blob store. */
@injectable()
export class StoredFiles {
  constructor(private readonly blobs: BlobStorage) {}

  /** Files and bytes of each top folder. */
  async folders(): Promise<readonly FolderRow[]> {
    const names: string[] = []
    for await (const entry of this.blobs.list({ delimiter: '/' })) if (entry.kind === 'prefix') names.push(entry.prefix)
    return Promise.all(names.map((folder) => this.#count(folder)))
  }

  /** Files under `folder`, fifty at a time, by key. */
  async page(folder: string, startAfter?: string): Promise<FilesPage> {
    const files: FilesPage['files'][number][] = []
    for await (const entry of this.blobs.list({
      prefix: folder,
      pageSize: PAGE + 1,
      ...(startAfter === undefined ? {} : { startAfter }),
    })) {
      if (entry.kind !== 'blob') continue
      if (files.length === PAGE) return { files, next: files.at(-1)!.key }
      files.push({ key: entry.key, sizeBytes: entry.sizeBytes, modifiedAt: entry.modifiedAt.toISOString() })
    }
    return { files }
  }

  async #count(folder: string): Promise<FolderRow> {
    let files = 0
    let bytes = 0
    for await (const entry of this.blobs.list({ prefix: folder })) {
      if (entry.kind !== 'blob') continue
      if (files === MAX_COUNTED) return { folder, files, bytes, more: true }
      files += 1
      bytes += entry.sizeBytes
    }
    return { folder, files, bytes, more: false }
  }
}
