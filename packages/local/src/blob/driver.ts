import { hash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  type AdapterDeps,
  attributesOf,
  type BlobAttributes,
  type BlobBody,
  type BlobDriver,
  type BlobInfo,
  type BlobLimits,
  type Clock,
  type DriverBlob,
  type DriverCall,
  type DriverCopy,
  type DriverGet,
  type DriverList,
  type DriverPage,
  type DriverPut,
  type Etag,
  isModifiedSince,
  type Logger,
  PortError,
  resolveRange,
  type SettingsOf,
  type SignedForm,
  type SignedUrl,
  type SignRequest,
  type WriteCondition,
} from '@pdvend/ports'
import { type Database, openDatabase } from '../sqlite/database.js'
import { BodyFiles } from './body-files.js'
import { type StoredBody, writeBody } from './body-writer.js'
import { Catalog, type Current, type Entry, infoOf, migrations } from './catalog.js'
import type { config } from './config.js'
import { fail } from './errors.js'
import { damaged, fileBody } from './file-body.js'
import { readPage } from './page.js'
import { readSigningKey } from './signing-key.js'
import { UrlSigner } from './url-signer.js'

/** S3's bounds where the disk has none, so that what fits here fits there. */
const limits: BlobLimits = {
  maxBytes: 5 * 2 ** 40,
  maxMetadataBytes: 2_048,
  maxPageSize: 1_000,
  maxDeleteBatch: 1_000,
  maxSignedMs: 7 * 86_400_000,
}

/** How often the lookup starts again when another process replaced the blob between the index and its file. */
const MAX_LOOKUPS = 100

/** Lookups are synchronous: after so many in a row the event loop gets its turn, or a loop of reads would starve every write. */
const LOOKUPS_A_TURN = 32

/** Between two sweeps in a process that runs for long, in milliseconds. */
const SWEEP_EVERY_MS = 6 * 3_600_000

/** Opens the directory of `PDVEND_LOCAL_DIR`, makes it where it is missing. */
export async function openLocalBlob(settings: SettingsOf<typeof config>, { clock, log }: AdapterDeps): Promise<BlobDriver> {
  const root = resolve(settings.directory)
  const directory = join(root, 'blob')
  const database = await openDatabase(join(root, 'blob.db'), migrations)
  try {
    await mkdir(directory, { recursive: true })
    const signer = new UrlSigner(settings.url, await readSigningKey(directory, settings.signingKey))
    return new LocalBlobDriver(database, new BodyFiles(directory, settings.sweepAfterMs), signer, clock, log)
  } catch (cause) {
    await database.close()
    throw fail('open', cause)
  }
}

/**
 * *Semantics*: bodies up to 64 KiB are in the index, larger ones in a file of their own, written and synced before the
 * index refers to it; one transaction publishes body and attributes together and checks the condition, also against
 * other processes. *Limits*: those of S3. *Names*: a key is never a file's name. *Cost*: a small write is a share of one
 * fsync (group commit), a large one two more; a read of a small blob is one lookup.
 */
class LocalBlobDriver implements BlobDriver {
  readonly limits = limits
  readonly #catalog: Catalog
  readonly #background = new Set<Promise<unknown>>()
  readonly #sweeper: ReturnType<typeof setInterval>
  #closed = false
  #lookups = 0

  constructor(
    private readonly database: Database,
    private readonly files: BodyFiles,
    private readonly signer: UrlSigner,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.#catalog = new Catalog(database)
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS)
    this.#sweeper.unref()
    this.#sweep()
  }

  async put(key: string, body: BlobBody, options: DriverPut): Promise<BlobInfo> {
    const stored = await this.#storing(() => writeBody(this.files, body, () => options.signal))
    return this.#publish('put', key, stored, () => attributesOf(options), options)
  }

  async get(key: string, options: DriverGet): Promise<DriverBlob> {
    await this.#turn()
    const bytes = encode(key)
    for (let lookups = 1; ; lookups++) {
      const entry = this.#catalog.get(bytes) ?? this.#missing('get', key)
      checkRead(entry, options, key)
      const range = resolveRange(options.range, entry.sizeBytes) ?? outOfRange(entry, key)
      const info = infoOf(key, entry)
      if (entry.file === undefined) return { info, range, body: inlineBody(entry, range) }
      try {
        const handle = await this.files.open(entry.file)
        return {
          info,
          range,
          body: fileBody({ handle, sizeBytes: entry.sizeBytes, checksums: entry.checksums ?? new Uint8Array(), range }),
        }
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw fail('get', cause, key)
        // Replaced or deleted between the two steps: what the index says now counts. The same entry again is a lost file.
        const unchanged = this.#catalog.current(bytes)?.etag === entry.etag
        if (unchanged || lookups >= MAX_LOOKUPS) throw damaged('its file is missing')
      }
    }
  }

  async head(key: string): Promise<BlobInfo> {
    await this.#turn()
    return infoOf(key, this.#catalog.head(encode(key)) ?? this.#missing('head', key))
  }

  async list(options: DriverList): Promise<DriverPage> {
    await this.#turn()
    return readPage((from, to, limit) => this.#catalog.range(from, to, limit), options)
  }

  async copy(from: string, to: string, options: DriverCopy): Promise<BlobInfo> {
    const source = encode(from)
    for (let lookups = 1; ; lookups++) {
      const entry = this.#catalog.get(source) ?? this.#missing('copy', from)
      if (options.sourceEtag !== undefined && options.sourceEtag !== entry.etag)
        throw conflict('copy', from, 'the source is another version')
      try {
        const stored = await this.#duplicate(entry)
        return await this.#publish('copy', to, stored, () => options.attributes ?? entry.attributes, options)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw fail('copy', cause, to)
        if (this.#catalog.current(source)?.etag === entry.etag || lookups >= MAX_LOOKUPS) throw damaged('its file is missing')
      }
    }
  }

  async delete(key: string, options: DriverCall & { readonly ifMatch?: Etag }): Promise<void> {
    const bytes = encode(key)
    const old = await this.database.write(() => {
      options.signal.throwIfAborted()
      const current = this.#catalog.current(bytes)
      if (options.ifMatch !== undefined && current?.etag !== options.ifMatch)
        throw conflict('delete', key, 'the blob is another version or gone')
      this.#catalog.delete(bytes)
      return current
    })
    this.#removeLater(old)
  }

  async deleteMany(keys: readonly string[], { signal }: DriverCall): Promise<readonly (Error | undefined)[]> {
    const all = keys.map(encode)
    const old = await this.database.write(() => {
      signal.throwIfAborted()
      return all.map((key) => {
        const current = this.#catalog.current(key)
        if (current !== undefined) this.#catalog.delete(key)
        return current
      })
    })
    for (const current of old) this.#removeLater(current)
    return keys.map(() => undefined)
  }

  async sign(request: SignRequest): Promise<SignedUrl | SignedForm> {
    return this.signer.sign(request)
  }

  async ping(): Promise<void> {
    this.#catalog.current(new Uint8Array(1))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#sweeper)
    this.files.close()
    await Promise.allSettled(this.#background)
    await this.database.close()
  }

  /** Makes a stored body the blob of `key` in one transaction, if the condition holds and nobody gave up meanwhile. */
  async #publish(
    operation: string,
    key: string,
    stored: StoredBody,
    attributes: () => BlobAttributes,
    options: DriverCall & { readonly condition?: WriteCondition },
  ): Promise<BlobInfo> {
    const { draft, ...body } = stored
    const entry: Entry = { ...body, attributes: attributes(), modifiedMs: this.clock.now() }
    const bytes = encode(key)
    let old: Current | undefined
    try {
      old = await this.database.write(() => {
        options.signal.throwIfAborted()
        const current = this.#catalog.current(bytes)
        checkWrite(operation, key, current, options.condition)
        if (draft?.isLinked() === false)
          throw new PortError('UNAVAILABLE', { operation, detail: 'the upload stood still for too long and was swept: send it again' })
        this.#catalog.put(bytes, entry)
        return current
      })
    } catch (cause) {
      const error = fail(operation, cause, key)
      // A commit that may have happened must not lose its file: the sweep decides by the index.
      await draft?.close(error.outcome === 'unknown' && !options.signal.aborted ? 'keep' : 'discard')
      throw options.signal.aborted ? options.signal.reason : error
    }
    await draft?.close('keep').catch(() => undefined)
    this.#removeLater(old)
    return infoOf(key, entry)
  }

  async #duplicate({ file, ...entry }: Entry): Promise<StoredBody> {
    const { sizeBytes, sha256 } = entry
    if (file === undefined) {
      if (entry.body === undefined || hash('sha256', entry.body, 'hex') !== sha256) throw damaged('it does not fit its digest')
      return this.#storing(() => writeBody(this.files, { bytes: entry.body!, stream: once(entry.body!), sizeBytes }, neverAborted))
    }
    const draft = await this.files.duplicate(file)
    await draft.sync()
    return {
      etag: draft.name,
      sizeBytes,
      sha256,
      file: draft.name,
      draft,
      ...(entry.checksums === undefined ? {} : { checksums: entry.checksums }),
    }
  }

  async #storing(work: () => Promise<StoredBody>): Promise<StoredBody> {
    try {
      return await work()
    } catch (cause) {
      throw fail('put', cause)
    }
  }

  /** The old version's file goes after the commit; who reads it has it open. */
  #removeLater(old: Current | undefined): void {
    if (old?.file !== undefined) this.#track(this.files.remove(old.file))
  }

  async #turn(): Promise<void> {
    if (++this.#lookups < LOOKUPS_A_TURN) return
    this.#lookups = 0
    await new Promise((resolve) => setImmediate(resolve))
  }

  #sweep(): void {
    const step = (work: () => number): Promise<number> => this.database.write(work)
    const refersTo = (file: string): boolean => this.#closed || this.#catalog.refersTo(file)
    const swept = this.files.sweep(refersTo, step).then(
      (removed) => removed > 0 && this.log.info({ removed }, 'removed body files that killed writers had left'),
      (error: unknown) => this.log.warn({ error: String(error) }, 'could not look for body files that killed writers left'),
    )
    this.#track(swept)
  }

  #track(work: Promise<unknown>): void {
    this.#background.add(work)
    void work.finally(() => this.#background.delete(work))
  }

  #missing(operation: string, key: string): never {
    throw new PortError('NOT_FOUND', { adapter: 'local-blob', operation, target: key })
  }
}

const encoder = new TextEncoder()
const encode = (key: string): Uint8Array => encoder.encode(key)
const neverAborted = (): AbortSignal => new AbortController().signal

function checkWrite(operation: string, key: string, current: Current | undefined, condition: WriteCondition | undefined): void {
  if (condition === undefined) return
  if ('create' in condition && current !== undefined) throw conflict(operation, key, 'the blob exists already')
  if ('replace' in condition && current?.etag !== condition.replace)
    throw conflict(operation, key, current === undefined ? 'the blob is gone' : 'the blob is another version')
}

function checkRead(entry: Entry, { ifMatch, ifNoneMatch, ifModifiedSince }: DriverGet, key: string): void {
  if (ifMatch !== undefined && entry.etag !== ifMatch) throw conflict('get', key, 'the blob is another version')
  if (ifNoneMatch !== undefined && entry.etag === ifNoneMatch) throw conflict('get', key, 'the blob is still that version')
  if (!isModifiedSince(new Date(entry.modifiedMs), ifModifiedSince)) throw conflict('get', key, 'the blob was not modified since')
}

function conflict(operation: string, key: string, detail: string): PortError {
  return new PortError('PRECONDITION_FAILED', { adapter: 'local-blob', operation, target: key, detail })
}

function outOfRange({ sizeBytes }: Entry, key: string): never {
  throw new PortError('RANGE_NOT_SATISFIABLE', {
    adapter: 'local-blob',
    operation: 'get',
    target: key,
    detail: `the range starts beyond the ${sizeBytes} bytes of the blob`,
  })
}

/** A body of the index, checked as a whole before a byte of it is given out [B98, B99]. */
function inlineBody({ body, sha256, sizeBytes }: Entry, { offset, length }: { offset: number; length: number }): AsyncIterable<Uint8Array> {
  if (body === undefined || body.byteLength !== sizeBytes || hash('sha256', body, 'hex') !== sha256)
    throw damaged('it does not fit its digest')
  return once(body.subarray(offset, offset + length))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  if (bytes.byteLength > 0) yield bytes
}
