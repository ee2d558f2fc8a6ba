import type { CallOptions } from '../call.js'
import { Calls } from '../calls.js'
import { effective } from '../capabilities.js'
import { sleepInCall } from '../clock.js'
import type { DriverCall } from '../driver.js'
import { invalid, PortError, type PortErrorDetails } from '../errors.js'
import { backoffMs, type Repeat } from '../retry.js'
import { checkAttributes, DEFAULT_MAX_METADATA_BYTES } from './attributes.js'
import { sniffContentType, UNKNOWN_TYPE } from './content-types.js'
import { BatchOutcomes, batches, type DeleteOutcome } from './delete-many.js'
import type { BlobCapabilities, BlobDriver, DriverBlob, DriverGet } from './driver.js'
import { checkKey, checkKeyPart, checkScope } from './keys.js'
import { type BlobListing, openListing } from './listing.js'
import type { AttributeOptions, BlobStorageOptions, CopyOptions, GetOptions, ListOptions, PutOptions, UpdateOptions } from './options.js'
import { checkCondition, checkDate, checkEtag, checkRange } from './preconditions.js'
import { type BlobReader, openReader } from './reader.js'
import { type BlobSigner, openSigner } from './signing.js'
import { checkSha256, type PreparedSource, prepareSource } from './source.js'
import type { BlobAttributes, BlobEntry, BlobInfo, BlobSource, Etag, WriteCondition } from './types.js'

const ALL: BlobCapabilities = {
  conditionalWrites: true,
  conditionalDelete: true,
  conditionalCopy: true,
  signedUrls: true,
  signedPost: true,
}

/** Waits between the rounds of a compare-and-swap loop: full jitter up to 5 ms, doubling to 500 ms. */
const SWAP_BACKOFF = { maxAttempts: Number.POSITIVE_INFINITY, firstMs: 5, maxMs: 500 }

/**
 * Files by key, the same on every adapter.
 *
 * A reader sees the old bytes or the new, never a mix, body and attributes together [B57, B58]; a write that fails or is
 * aborted publishes nothing [B48–B53]. Every call takes `{ signal, timeoutMs }`; what may pass is tried again within
 * `timeoutMs`, but never a write of unknown outcome that is conditional [B71], nor a one-shot stream once it was read
 * from. Errors are {@link PortError}s. Calls may run at once; nothing is ordered among them but by conditions.
 */
export class BlobStorage implements AsyncDisposable {
  /** What this adapter can do; the rest is refused with UNSUPPORTED before any I/O [B70]. */
  readonly capabilities: BlobCapabilities
  /** Signed URLs and forms. */
  readonly sign: BlobSigner
  readonly #driver: BlobDriver
  readonly #options: BlobStorageOptions
  readonly #prefix: string
  readonly #owner: boolean
  readonly #calls: Calls

  constructor(driver: BlobDriver, options: BlobStorageOptions = {}, shared?: Calls) {
    this.#driver = driver
    this.#options = options
    this.#prefix =
      options.prefix === undefined || options.prefix === '' ? '' : shared === undefined ? checkScope(options.prefix, '') : options.prefix
    this.#owner = shared === undefined
    this.#calls = shared ?? new Calls('blob', options)
    this.capabilities = effective(ALL, options.capabilities, driver.capabilities)
    this.sign = openSigner(this.#calls, driver, this.capabilities, this.#prefix)
  }

  /**
   * Writes a blob, over any earlier one. The bytes of a source in memory must not change until the promise settles.
   * @throws INVALID_ARGUMENT | TOO_LARGE | PRECONDITION_FAILED when `if` does not hold [B62–B64] | INTEGRITY_FAILED when
   * the bytes do not fit `sha256` [B97]
   */
  async put(key: string, source: BlobSource, options: PutOptions & CallOptions = {}): Promise<BlobInfo> {
    const place = this.#place('put', key)
    const fullKey = this.#key(key, place)
    const condition = this.#condition(options.if, place)
    const expected = {
      maxBytes: this.#driver.limits.maxBytes,
      ...(options.sizeBytes === undefined ? {} : { sizeBytes: options.sizeBytes }),
      ...(options.sha256 === undefined ? {} : { sha256: checkSha256(options.sha256, place) }),
    }
    const prepared = prepareSource(source, expected, place)
    const attributes = this.#attributes(key, options, place, prepared)
    return this.#write(key, fullKey, prepared, attributes, condition, options, 'put')
  }

  async #write(
    key: string,
    fullKey: string,
    prepared: PreparedSource,
    attributes: BlobAttributes,
    condition: WriteCondition | undefined,
    options: CallOptions | undefined,
    operation: string,
  ): Promise<BlobInfo> {
    const repeat = (): Repeat => (!prepared.mayReopen() ? 'never' : condition === undefined ? 'safe' : 'guarded')
    const size = prepared.bytes === undefined ? {} : { attributes: { 'pdvend.blob.size': prepared.bytes.byteLength } }
    const info = await this.#calls.run({ operation, target: key, options, repeat, ...size }, async ({ signal }) => {
      try {
        return await this.#driver.put(fullKey, prepared.body(signal), {
          signal,
          ...attributes,
          ...(condition === undefined ? {} : { condition }),
        })
      } catch (error) {
        throw signal.aborted ? error : (prepared.fault() ?? error)
      }
    })
    return { ...info, key }
  }

  /**
   * Opens a blob for reading. `timeoutMs` bounds the time to its first byte; `signal` also ends the reading.
   * @throws NOT_FOUND [B4] | PRECONDITION_FAILED [B67] | RANGE_NOT_SATISFIABLE when the range starts at or after the end
   * [B74]; `length: 0` is allowed up to the end [B72]
   */
  async get(key: string, options: GetOptions & CallOptions = {}): Promise<BlobReader> {
    const place = this.#place('get', key)
    const fullKey = this.#key(key, place)
    const conditions = {
      ...(options.range === undefined ? {} : { range: checkRange(options.range, place) }),
      ...(options.ifMatch === undefined ? {} : { ifMatch: checkEtag('ifMatch', options.ifMatch, place) }),
      ...(options.ifNoneMatch === undefined ? {} : { ifNoneMatch: checkEtag('ifNoneMatch', options.ifNoneMatch, place) }),
      ...(options.ifModifiedSince === undefined ? {} : { ifModifiedSince: checkDate('ifModifiedSince', options.ifModifiedSince, place) }),
    }
    const first = await this.#open(key, fullKey, conditions, options)
    return openReader({
      first: { ...first, info: { ...first.info, key } },
      resume: (offset, length) => this.#open(key, fullKey, { range: { offset, length }, ifMatch: first.info.etag }, options),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      place,
    })
  }

  #open(key: string, fullKey: string, conditions: Omit<DriverGet, 'signal'>, options: CallOptions): Promise<DriverBlob> {
    return this.#calls.run({ operation: 'get', target: key, options }, async ({ signal }) => {
      const blob = await this.#driver.get(fullKey, { ...conditions, signal })
      if (!signal.aborted) return blob
      await blob.body[Symbol.asyncIterator]().return?.()
      throw signal.reason
    })
  }

  /** @throws NOT_FOUND */
  async head(key: string, options?: CallOptions): Promise<BlobInfo> {
    const fullKey = this.#key(key, this.#place('head', key))
    const info = await this.#calls.run({ operation: 'head', target: key, options }, (call) => this.#driver.head(fullKey, call))
    return { ...info, key }
  }

  /** [B5] false only where the store says that there is nothing; everything else throws. */
  async exists(key: string, options?: CallOptions): Promise<boolean> {
    const fullKey = this.#key(key, this.#place('exists', key))
    return this.#calls.run({ operation: 'exists', target: key, options }, (call) =>
      this.#driver.head(fullKey, call).then(
        () => true,
        (error: unknown) => {
          if (PortError.is(error, 'NOT_FOUND')) return false
          throw error
        },
      ),
    )
  }

  /** Keys in UTF-8 byte order [B79]. Each page is one call with the `timeoutMs` given. @throws INVALID_ARGUMENT */
  list(options: ListOptions & CallOptions = {}): BlobListing {
    const place = this.#place('list')
    const prefix = options.prefix === undefined ? '' : checkKeyPart(options.prefix, this.#prefix, 'prefix', place)
    if (options.delimiter === '') throw invalid('delimiter', '', 'give at least one character, or leave it out', place)
    const { maxPageSize } = this.#driver.limits
    const { pageSize = Math.min(1_000, maxPageSize) } = options
    if (!(Number.isSafeInteger(pageSize) && pageSize >= 1)) throw invalid('pageSize', pageSize, 'give a whole number from 1', place)
    const query = {
      prefix: this.#prefix + prefix,
      pageSize: Math.min(pageSize, maxPageSize),
      ...(options.delimiter === undefined ? {} : { delimiter: checkKeyPart(options.delimiter, '', 'delimiter', place) }),
      ...(options.startAfter === undefined || options.startAfter === ''
        ? {}
        : { startAfter: this.#prefix + checkKeyPart(options.startAfter, this.#prefix, 'startAfter', place) }),
    }
    const fetchPage = (cursor: string | undefined) =>
      this.#calls.run({ operation: 'list', target: prefix, options }, (call) =>
        this.#driver.list({ ...query, ...(cursor === undefined ? {} : { cursor }), signal: call.signal }),
      )
    return openListing(fetchPage, (entry) => this.#relative(entry))
  }

  /**
   * Copies inside the store. Onto itself it replaces the attributes; without `attributes` that changes nothing [B101].
   * @throws NOT_FOUND | PRECONDITION_FAILED when the source is another version or `if` does not hold [B69]
   */
  async copy(from: string, to: string, options: CopyOptions & CallOptions = {}): Promise<BlobInfo> {
    const place = this.#place('copy', to)
    const source = checkKey(from, this.#prefix, 'from', place)
    const target = checkKey(to, this.#prefix, 'to', place)
    const condition = this.#condition(options.if, place)
    if (options.sourceEtag !== undefined) this.#calls.require(this.capabilities, 'conditionalCopy', 'copy')
    const sourceEtag = options.sourceEtag === undefined ? undefined : checkEtag('sourceEtag', options.sourceEtag, place)
    const attributes = options.attributes === undefined ? undefined : this.#attributes(to, options.attributes, place)
    if (source === target && attributes === undefined) return this.#copyOntoItself(source, condition, sourceEtag, options)
    const repeat: Repeat = condition === undefined ? 'safe' : 'guarded'
    const info = await this.#calls.run({ operation: 'copy', target: to, options, repeat }, ({ signal }) =>
      this.#driver.copy(this.#prefix + source, this.#prefix + target, {
        signal,
        ...(condition === undefined ? {} : { condition }),
        ...(sourceEtag === undefined ? {} : { sourceEtag }),
        ...(attributes === undefined ? {} : { attributes }),
      }),
    )
    return { ...info, key: to }
  }

  /** Nothing to do but to look: some stores refuse such a copy, others write a new version. */
  async #copyOntoItself(
    key: string,
    condition: WriteCondition | undefined,
    sourceEtag: Etag | undefined,
    options: CallOptions,
  ): Promise<BlobInfo> {
    const info = await this.head(key, options)
    const wanted = [sourceEtag, condition !== undefined && 'replace' in condition ? condition.replace : undefined]
    const holds = wanted.every((etag) => etag === undefined || etag === info.etag) && !(condition !== undefined && 'create' in condition)
    if (holds) return info
    throw this.#calls.error('PRECONDITION_FAILED', 'copy', 'the blob is there in another version', key)
  }

  /**
   * Deletes a blob; deleting what is not there succeeds [B7].
   * @throws PRECONDITION_FAILED when `ifMatch` is given and the blob is another version or missing [B68]
   */
  async delete(key: string, options: { readonly ifMatch?: Etag } & CallOptions = {}): Promise<void> {
    const place = this.#place('delete', key)
    const fullKey = this.#key(key, place)
    const { ifMatch } = options
    if (ifMatch !== undefined) {
      this.#calls.require(this.capabilities, 'conditionalDelete', 'delete')
      checkEtag('ifMatch', ifMatch, place)
    }
    const repeat: Repeat = ifMatch === undefined ? 'safe' : 'guarded'
    await this.#calls.run({ operation: 'delete', target: key, options, repeat }, ({ signal }) =>
      this.#driver.delete(fullKey, { signal, ...(ifMatch === undefined ? {} : { ifMatch }) }),
    )
  }

  /**
   * Deletes many blobs in batches as the keys come; one outcome a key, in the order of the keys, an invalid key's
   * included [B103]. Each batch is one call with the `timeoutMs` given. Nothing happens until it is iterated.
   * @throws CANCELED | CLOSED; every other failure is an outcome
   */
  async *deleteMany(keys: Iterable<string> | AsyncIterable<string>, options: CallOptions = {}): AsyncIterable<DeleteOutcome> {
    const operation = 'deleteMany'
    for await (const batch of batches(keys, this.#driver.limits.maxDeleteBatch)) {
      const refused = new Map<string, PortError>()
      for (const key of batch) {
        try {
          checkKey(key, this.#prefix, 'key', this.#place(operation))
        } catch (error) {
          refused.set(key, error as PortError)
        }
      }
      const valid = [...new Set(batch.filter((key) => !refused.has(key)))]
      const outcomes = new BatchOutcomes(valid)
      if (valid.length > 0) {
        const send = (signal: AbortSignal) =>
          outcomes.attempt((some) =>
            this.#driver.deleteMany(
              some.map((key) => this.#prefix + key),
              { signal },
            ),
          )
        try {
          await this.#calls.run({ operation, options, attributes: { 'pdvend.blob.keys': valid.length } }, ({ signal }) => send(signal))
        } catch (error) {
          if (!PortError.is(error) || PortError.is(error, 'CANCELED', 'CLOSED')) throw error
          outcomes.failRest(error)
        }
      }
      for (const key of batch) {
        const error = refused.get(key) ?? outcomes.errorOf(key)
        yield error === undefined ? { key } : { key, error: error.with(this.#place(operation, key)) }
      }
    }
  }

  /**
   * Changes a blob by compare-and-swap: `f` gets the current version (undefined = there is none) and gives the next
   * bytes; when another writer was faster it is called again with what that one wrote, after a wait with jitter, until
   * `timeoutMs` is over [B65]. Attributes stay as they are unless given. Needs capability `conditionalWrites`.
   * @throws DEADLINE_EXCEEDED, outcome `not-applied`, when others were always faster | what `f` throws, unchanged
   */
  async update(
    key: string,
    f: (current: BlobReader | undefined) => Promise<BlobSource>,
    options: UpdateOptions & CallOptions = {},
  ): Promise<BlobInfo> {
    const place = this.#place('update', key)
    const fullKey = this.#key(key, place)
    this.#calls.require(this.capabilities, 'conditionalWrites', 'update')
    const { clock, random } = this.#calls
    const timeoutMs = options.timeoutMs ?? this.#calls.timeoutMs
    const deadline = clock.now() + timeoutMs
    for (let round = 1; ; round++) {
      const call: CallOptions = {
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        timeoutMs: Math.max(1, deadline - clock.now()),
      }
      const current = await this.get(key, call).catch((error: unknown) => {
        if (PortError.is(error, 'NOT_FOUND')) return undefined
        throw error
      })
      let writing = false
      try {
        const source = await f(current)
        writing = true
        const prepared = prepareSource(source, { maxBytes: this.#driver.limits.maxBytes }, place)
        const attributes = this.#attributes(key, { ...current?.info, ...given(options) }, place, prepared)
        const condition: WriteCondition = current === undefined ? { create: true } : { replace: current.info.etag }
        return await this.#write(key, fullKey, prepared, attributes, condition, call, 'update')
      } catch (error) {
        if (!writing || !PortError.is(error, 'PRECONDITION_FAILED')) throw error
        const waitMs = backoffMs(SWAP_BACKOFF, round, random)
        if (clock.now() + waitMs >= deadline) {
          const detail = `other writers were faster ${round} times within ${timeoutMs} ms`
          throw new PortError('DEADLINE_EXCEEDED', { ...place, detail, outcome: 'not-applied', attempts: round, cause: error })
        }
        await sleepInCall(clock, waitMs, options.signal).catch((cause: unknown) => {
          throw new PortError('CANCELED', { ...place, outcome: 'not-applied', cause })
        })
      } finally {
        await current?.[Symbol.asyncDispose]()
      }
    }
  }

  /**
   * A tenant's own store: all keys begin with `prefix` and `/`, none can leave it; listings, errors and signed URLs know
   * only the rest [B41]. Scopes nest. It shares this store's connection, closing it does nothing.
   * @throws INVALID_ARGUMENT for an empty prefix or one that is no key
   */
  scope(prefix: string): BlobStorage {
    const full = this.#prefix + checkScope(prefix, this.#prefix, this.#place('scope'))
    return new BlobStorage(this.#driver, { ...this.#options, prefix: full }, this.#calls)
  }

  /** Asks the store for a sign of life. @throws UNAVAILABLE and others */
  async ping(options?: CallOptions): Promise<void> {
    await this.#calls.run({ operation: 'ping', options }, (call: DriverCall) => this.#driver.ping(call))
  }

  /** Refuses new calls and closes the adapter; idempotent. A scope leaves its parent open. */
  async close(): Promise<void> {
    if (!this.#owner) return
    this.#calls.shut()
    await this.#driver.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #place(operation: string, target?: unknown): PortErrorDetails {
    return { adapter: this.#calls.adapter, operation, ...(typeof target === 'string' ? { target } : {}) }
  }

  #key(key: unknown, place: PortErrorDetails): string {
    return this.#prefix + checkKey(key, this.#prefix, 'key', place)
  }

  #condition(condition: WriteCondition | undefined, place: PortErrorDetails): WriteCondition | undefined {
    if (condition === undefined) return undefined
    this.#calls.require(this.capabilities, 'conditionalWrites', place.operation ?? 'put')
    return checkCondition(condition, place)
  }

  #attributes(key: string, options: AttributeOptions, place: PortErrorDetails, source?: PreparedSource): BlobAttributes {
    const fallback = (): string => {
      if (this.#options.contentTypes === 'asGiven') return UNKNOWN_TYPE
      const sniffed = sniffContentType(key, source?.bytes)
      return sniffed === UNKNOWN_TYPE ? (source?.contentType ?? UNKNOWN_TYPE) : sniffed
    }
    return checkAttributes(options, fallback, this.#driver.limits.maxMetadataBytes ?? DEFAULT_MAX_METADATA_BYTES, place)
  }

  #relative(entry: BlobEntry): BlobEntry {
    const { length } = this.#prefix
    if (length === 0) return entry
    return entry.kind === 'blob' ? { ...entry, key: entry.key.slice(length) } : { ...entry, prefix: entry.prefix.slice(length) }
  }
}

/** What the manifest declares and this engine keeps. */
/** The attributes among a call's options that the caller set. */
function given(options: AttributeOptions): AttributeOptions {
  const { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl, metadata } = options
  const fields = { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl, metadata }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
