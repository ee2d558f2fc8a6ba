import { createHash, hash } from 'node:crypto'
import { invalid, PortError, type PortErrorDetails, shapeOf } from '../errors.js'
import type { BlobBody } from './driver.js'
import type { BlobSource } from './types.js'

/** A source made ready for the tries of one write. */
export interface PreparedSource {
  /** The whole body where it is in memory. */
  readonly bytes?: Uint8Array
  /** The content type that the source itself carries (a `Blob`'s). */
  readonly contentType?: string
  /** May the next try read it from its beginning? A one-shot stream: only while nothing was pulled. */
  mayReopen(): boolean
  /** The body for one try; its stream throws when the signal aborts. */
  body(signal: AbortSignal): BlobBody
  /** What the source itself did wrong in the last try: a better reason than what the driver makes of it. */
  fault(): PortError | undefined
}

/** What a body must be like. */
export interface SourceExpectation {
  readonly sizeBytes?: number
  readonly sha256?: string
  /** The engine's largest blob. */
  readonly maxBytes: number
}

/**
 * Makes one thing of the many kinds of source [B47], and guards it: too short or too long is refused [B50], above the
 * engine's maximum is TOO_LARGE, bytes that do not fit the digest are INTEGRITY_FAILED [B97], a source that throws is
 * INVALID_ARGUMENT with its error as cause [B48]; each time before the driver sees the end, so that nothing is published.
 * @throws INVALID_ARGUMENT for what is no source
 */
export function prepareSource(source: BlobSource, expected: SourceExpectation, place: PortErrorDetails = {}): PreparedSource {
  if (typeof source === 'string') {
    if (!source.isWellFormed()) throw invalid('source', source, 'the text holds a lone surrogate and is no valid UTF-8: give bytes', place)
    return inMemory(new TextEncoder().encode(source), 'text/plain; charset=utf-8', expected, place)
  }
  if (source instanceof Uint8Array) return inMemory(source, undefined, expected, place)
  if (source instanceof Blob) {
    const typed = source.type === '' ? {} : { contentType: source.type }
    return { ...streamed({ open: () => source.stream(), sizeBytes: source.size }, true, expected, place), ...typed }
  }
  if (typeof source === 'object' && source !== null) {
    // Before `open`: a Node file stream has a method of that name, too.
    if (Symbol.asyncIterator in source) return streamed({ open: () => source }, false, expected, place)
    if ('open' in source && typeof source.open === 'function') return streamed(source, true, expected, place)
  }
  throw invalid('source', source, 'give text, bytes, a Blob, a stream, an async iterable or { open }', place)
}

function inMemory(
  bytes: Uint8Array,
  contentType: string | undefined,
  expected: SourceExpectation,
  place: PortErrorDetails,
): PreparedSource {
  checkSize(bytes.byteLength, expected, place)
  if (expected.sha256 !== undefined) checkDigest(hash('sha256', bytes, 'hex'), expected.sha256, place)
  const stream = {
    async *[Symbol.asyncIterator]() {
      if (bytes.byteLength > 0) yield bytes
    },
  }
  const body: BlobBody = { sizeBytes: bytes.byteLength, stream, bytes, ...digestOf(expected) }
  return { bytes, ...(contentType === undefined ? {} : { contentType }), mayReopen: () => true, body: () => body, fault: () => undefined }
}

type Opener = { open(from?: number): AsyncIterable<Uint8Array>; readonly sizeBytes?: number }

function streamed(source: Opener, replayable: boolean, given: SourceExpectation, place: PortErrorDetails): PreparedSource {
  const sizeBytes = agreedSize(source.sizeBytes, given.sizeBytes, place)
  const expected = sizeBytes === undefined ? given : { ...given, sizeBytes }
  if (sizeBytes !== undefined) checkSize(sizeBytes, expected, place)
  let pulled = false
  let fault: PortError | undefined
  return {
    mayReopen: () => replayable || !pulled,
    fault: () => fault,
    body(signal) {
      fault = undefined
      const watch: Watch = {
        signal,
        place,
        onPull: () => (pulled = true),
        onFault: (error) => (fault = error),
      }
      const stream = { [Symbol.asyncIterator]: () => guarded(source, expected, watch) }
      return { stream, ...(sizeBytes === undefined ? {} : { sizeBytes }), ...digestOf(expected) }
    },
  }
}

interface Watch {
  readonly signal: AbortSignal
  readonly place: PortErrorDetails
  onPull(): void
  onFault(error: PortError): void
}

/** Passes the chunks on and throws, before the end is seen, when anything is wrong with them. Pulls only when pulled [B45]. */
async function* guarded(
  source: Opener,
  expected: SourceExpectation,
  { signal, place, onPull, onFault }: Watch,
): AsyncGenerator<Uint8Array, void> {
  const fail = (error: PortError): PortError => {
    onFault(error)
    return error
  }
  const digest = expected.sha256 === undefined ? undefined : createHash('sha256')
  let total = 0
  let interrupt: ((reason: unknown) => void) | undefined
  const onAbort = (): void => interrupt?.(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort)
  onPull()
  let iterator: AsyncIterator<Uint8Array> | undefined
  let state: 'pulling' | 'between' | 'ended' = 'between'
  try {
    try {
      iterator = source.open()[Symbol.asyncIterator]()
    } catch (cause) {
      throw fail(sourceFailed(cause, place))
    }
    for (;;) {
      signal.throwIfAborted()
      state = 'pulling'
      // A promise for each pull: one that lives as long as the signal would gather a reaction for each chunk.
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        interrupt = reject
        iterator!.next().then(resolve, (cause: unknown) => {
          state = 'ended'
          reject(signal.aborted ? (signal.reason as Error) : fail(sourceFailed(cause, place)))
        })
      })
      state = step.done === true ? 'ended' : 'between'
      if (step.done === true) break
      const chunk: unknown = step.value
      if (!(chunk instanceof Uint8Array))
        throw fail(invalid('source', chunk, 'every chunk must be a Uint8Array (a text stream needs an encoder)', place))
      if (chunk.byteLength === 0) continue
      total += chunk.byteLength
      if (expected.sizeBytes !== undefined && total > expected.sizeBytes)
        throw fail(wrongLength(`more than ${expected.sizeBytes}`, expected.sizeBytes, place))
      if (total > expected.maxBytes) throw fail(tooLarge(total, expected.maxBytes, place))
      digest?.update(chunk)
      yield chunk
    }
    if (expected.sizeBytes !== undefined && total < expected.sizeBytes) throw fail(wrongLength(String(total), expected.sizeBytes, place))
    try {
      if (digest !== undefined) checkDigest(digest.digest('hex'), expected.sha256!, place)
    } catch (error) {
      throw fail(error as PortError)
    }
    signal.throwIfAborted()
  } finally {
    signal.removeEventListener('abort', onAbort)
    interrupt = undefined
    // A source that hangs in `next` cannot be waited for; one that rests between two chunks closes in order.
    const closing = state === 'ended' ? undefined : iterator?.return?.().catch(() => undefined)
    if (state === 'between') await closing
  }
}

function checkSize(sizeBytes: number, expected: SourceExpectation, place: PortErrorDetails): void {
  if (expected.sizeBytes !== undefined && sizeBytes !== expected.sizeBytes) throw wrongLength(String(sizeBytes), expected.sizeBytes, place)
  if (sizeBytes > expected.maxBytes) throw tooLarge(sizeBytes, expected.maxBytes, place)
}

function agreedSize(own: number | undefined, given: number | undefined, place: PortErrorDetails): number | undefined {
  for (const size of [own, given])
    if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0))
      throw invalid('sizeBytes', size, 'give a whole number of bytes from 0', place)
  if (own !== undefined && given !== undefined && own !== given) throw wrongLength(String(own), given, place)
  return own ?? given
}

/** @throws INVALID_ARGUMENT unless it is 64 hex digits */
export function checkSha256(sha256: unknown, place: PortErrorDetails = {}): string {
  if (typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256)) return sha256.toLowerCase()
  throw invalid('sha256', sha256, 'give the digest as 64 hex digits', place)
}

function checkDigest(got: string, wanted: string, place: PortErrorDetails): void {
  if (got !== wanted)
    throw new PortError('INTEGRITY_FAILED', {
      ...place,
      detail: `the source has SHA-256 ${got}, not the ${wanted} that was given; nothing was written`,
    })
}

function digestOf({ sha256 }: SourceExpectation): { readonly sha256?: string } {
  return sha256 === undefined ? {} : { sha256 }
}

function wrongLength(got: string, wanted: number, place: PortErrorDetails): PortError {
  return new PortError('INVALID_ARGUMENT', {
    ...place,
    detail: `source: it gave ${got} bytes where ${wanted} were declared; nothing was written`,
  })
}

function tooLarge(sizeBytes: number, maxBytes: number, place: PortErrorDetails): PortError {
  return new PortError('TOO_LARGE', {
    ...place,
    detail: `source: ${sizeBytes} bytes or more; this adapter stores at most ${maxBytes} in one blob`,
  })
}

function sourceFailed(cause: unknown, place: PortErrorDetails): PortError {
  // A source that knows the port's errors, e.g. one that enforces a bound of its own, is taken at its word.
  if (PortError.is(cause)) return cause.with(place)
  const why = cause instanceof Error ? cause.name : shapeOf(cause)
  return new PortError('INVALID_ARGUMENT', { ...place, detail: `source: it failed while it was read (${why}); nothing was written`, cause })
}
