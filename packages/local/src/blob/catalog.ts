import type { BlobAttributes, BlobInfo } from '@pdvend/ports'
import type { Database, Row, Statement } from '../sqlite/database.js'

/**
 * Keys are bytes, so that SQLite compares them with memcmp: case, accents and controls stay distinct, and the order of
 * the index is the order of listings [B36–B40, B79]. A body is in the row (small) or in a file named by `file`.
 */
export const migrations = [
  `CREATE TABLE blobs (
     id INTEGER PRIMARY KEY,
     key BLOB NOT NULL UNIQUE,
     etag TEXT NOT NULL,
     size INTEGER NOT NULL,
     modified INTEGER NOT NULL,
     type TEXT NOT NULL,
     attributes TEXT,
     sha256 TEXT NOT NULL,
     file TEXT,
     checksums BLOB,
     body BLOB
   );
   CREATE UNIQUE INDEX blobs_by_file ON blobs (file) WHERE file IS NOT NULL;`,
]

/** One version of a blob as the index has it. */
export interface Entry {
  readonly etag: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly sha256: string
  readonly attributes: BlobAttributes
  /** Name of the body's file; absent = the body is in `body`. */
  readonly file?: string
  /** CRC-32 of each block of the file. */
  readonly checksums?: Uint8Array
  readonly body?: Uint8Array
}

/** What a write must know of the version it replaces. */
export interface Current {
  readonly etag: string
  readonly file: string | undefined
}

/** The index of all blobs. Reads are of the last commit; writes belong inside `Database.write`. */
export class Catalog {
  readonly #current: Statement
  readonly #head: Statement
  readonly #get: Statement
  readonly #put: Statement
  readonly #delete: Statement
  readonly #file: Statement
  readonly #range: Statement

  constructor(database: Database) {
    const described = 'etag, size, modified, type, attributes, sha256'
    this.#current = database.prepare('SELECT etag, file FROM blobs WHERE key = ?')
    this.#head = database.prepare(`SELECT ${described} FROM blobs WHERE key = ?`)
    this.#get = database.prepare(`SELECT ${described}, file, checksums, body FROM blobs WHERE key = ?`)
    this.#put = database.prepare(
      `INSERT INTO blobs (key, etag, size, modified, type, attributes, sha256, file, checksums, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET etag = excluded.etag, size = excluded.size, modified = excluded.modified, type = excluded.type,
         attributes = excluded.attributes, sha256 = excluded.sha256, file = excluded.file, checksums = excluded.checksums, body = excluded.body`,
    )
    this.#delete = database.prepare('DELETE FROM blobs WHERE key = ?')
    this.#file = database.prepare('SELECT 1 AS found FROM blobs WHERE file = ?')
    this.#range = database.prepare('SELECT key, etag, size, modified FROM blobs WHERE key >= ? AND key < ? ORDER BY key LIMIT ?')
  }

  current(key: Uint8Array): Current | undefined {
    const row = this.#current.get(key)
    return row && { etag: row.etag as string, file: (row.file as string | null) ?? undefined }
  }

  /** Without body and checksums. */
  head(key: Uint8Array): Entry | undefined {
    const row = this.#head.get(key)
    return row && toEntry(row)
  }

  get(key: Uint8Array): Entry | undefined {
    const row = this.#get.get(key)
    return row && toEntry(row)
  }

  put(key: Uint8Array, entry: Entry): void {
    const { etag, sizeBytes, modifiedMs, attributes, sha256, file = null, checksums = null, body = null } = entry
    this.#put.run(key, etag, sizeBytes, modifiedMs, attributes.contentType, encodeAttributes(attributes), sha256, file, checksums, body)
  }

  delete(key: Uint8Array): void {
    this.#delete.run(key)
  }

  refersTo(file: string): boolean {
    return this.#file.get(file) !== undefined
  }

  /** Rows with `from <= key < to`, in key order. */
  range(from: Uint8Array, to: Uint8Array, limit: number): readonly Row[] {
    return this.#range.all(from, to, limit)
  }
}

/** The info of `key`'s entry. */
export function infoOf(key: string, { etag, sizeBytes, modifiedMs, sha256, attributes }: Entry): BlobInfo {
  return { key, sizeBytes, etag, modifiedAt: new Date(modifiedMs), sha256, ...attributes }
}

function toEntry(row: Row): Entry {
  return {
    etag: row.etag as string,
    sizeBytes: row.size as number,
    modifiedMs: row.modified as number,
    sha256: row.sha256 as string,
    attributes: decodeAttributes(row.type as string, (row.attributes as string | null) ?? null),
    ...(typeof row.file === 'string' ? { file: row.file } : {}),
    ...(row.checksums instanceof Uint8Array ? { checksums: row.checksums } : {}),
    ...(row.body instanceof Uint8Array ? { body: row.body } : {}),
  }
}

/** Everything but the content type, as JSON; null where there is nothing else, which is most often so. */
function encodeAttributes(attributes: BlobAttributes): string | null {
  const { contentEncoding, contentLanguage, contentDisposition, cacheControl, metadata } = attributes
  const rest = {
    contentEncoding,
    contentLanguage,
    contentDisposition,
    cacheControl,
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  }
  const text = JSON.stringify(rest)
  return text === '{}' ? null : text
}

function decodeAttributes(contentType: string, text: string | null): BlobAttributes {
  return text === null ? { contentType, metadata: {} } : { metadata: {}, ...(JSON.parse(text) as Partial<BlobAttributes>), contentType }
}
