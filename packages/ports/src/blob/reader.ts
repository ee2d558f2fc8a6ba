import { Readable } from 'node:stream'
import { invalid, PortError, type PortErrorDetails } from '../errors.js'
import { decodeJson } from '../json.js'
import { type StandardSchema, validate } from '../schema.js'
import type { DriverBlob } from './driver.js'
import type { BlobInfo } from './types.js'

export interface ReadAllOptions {
  /** Refuses with TOO_LARGE, before anything is read, what is larger. Default: no bound. */
  readonly maxBytes?: number
}

/**
 * One pass over the bytes of one version of a blob. Read it to its end or dispose it (`await using`): either frees its
 * socket or file [B55]. The bytes are those of `info`, whatever is written meanwhile [B57, B58].
 */
export interface BlobReader extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Of the whole blob, also where only a range is read [B75]. */
  readonly info: BlobInfo
  /** The bytes that come: first byte and count. */
  readonly range: { readonly offset: number; readonly length: number }
  stream(): ReadableStream<Uint8Array>
  node(): Readable
  /** @throws TOO_LARGE above `maxBytes` */
  bytes(options?: ReadAllOptions): Promise<Uint8Array>
  /** The bytes as UTF-8. @throws TOO_LARGE | INVALID_ARGUMENT when they are no UTF-8 */
  text(options?: ReadAllOptions): Promise<string>
  /** @throws TOO_LARGE | INVALID_ARGUMENT when the bytes are no JSON or the schema refuses them */
  json<T = unknown>(schema?: StandardSchema<unknown, T>, options?: ReadAllOptions): Promise<T>
}

/** What a reader needs to go on after a connection broke. */
export interface ReaderSource {
  readonly first: DriverBlob
  /** Opens the rest of the very same version. @throws PRECONDITION_FAILED when it was replaced */
  resume(offset: number, length: number): Promise<DriverBlob>
  /** Aborts the reading. */
  readonly signal?: AbortSignal
  readonly place: PortErrorDetails
}

/** How often in a row a body may break without giving a byte before the reader gives up. */
const MAX_BARREN_RESUMES = 3

/** Over a driver's answer: counts the bytes, resumes a broken body [B56], closes it on every way out. */
export function openReader(source: ReaderSource): BlobReader {
  const { first, place } = source
  const { info, range } = first
  let taken = false
  let live: AsyncIterator<Uint8Array> | undefined
  let disposed = false

  const take = (): AsyncGenerator<Uint8Array, void> => {
    if (disposed) throw new PortError('CLOSED', { ...place, detail: 'the reader is disposed' })
    if (taken) throw new PortError('INVALID_ARGUMENT', { ...place, detail: 'the body can be read only once: get the blob again' })
    taken = true
    const chunks = follow(source, (iterator) => (live = iterator))
    const leave = chunks.return.bind(chunks)
    // A generator that was never pulled ends without running: what it would free is freed here.
    chunks.return = async (value) => {
      const step = await leave(value)
      await dispose()
      return step
    }
    return chunks
  }
  const all = async (options: ReadAllOptions = {}): Promise<Uint8Array> => {
    const { maxBytes } = options
    if (maxBytes !== undefined && !(maxBytes >= 0)) throw invalid('maxBytes', maxBytes, 'give a number of bytes from 0', place)
    if (maxBytes !== undefined && range.length > maxBytes) {
      await dispose()
      throw new PortError('TOO_LARGE', {
        ...place,
        detail: `${range.length} bytes, more than the ${maxBytes} of maxBytes: read it as a stream`,
      })
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of take()) chunks.push(chunk)
    return chunks.length === 1 ? chunks[0]! : concat(chunks, range.length)
  }
  const text = async (options?: ReadAllOptions): Promise<string> => {
    const bytes = await all(options)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch (cause) {
      throw new PortError('INVALID_ARGUMENT', {
        ...place,
        detail: `${bytes.byteLength} bytes that are not UTF-8: read them with bytes()`,
        cause,
      })
    }
  }
  const dispose = async (): Promise<void> => {
    if (disposed) return
    disposed = true
    const iterator = live ?? first.body[Symbol.asyncIterator]()
    await iterator.return?.().catch(() => undefined)
  }
  return {
    info,
    range,
    [Symbol.asyncIterator]: take,
    stream: () => toWeb(take(), dispose),
    node: () => Readable.from(take(), { objectMode: false, highWaterMark: 65_536 }),
    bytes: all,
    text,
    async json<T>(schema?: StandardSchema<unknown, T>, options?: ReadAllOptions) {
      const value = decodeJson(await all(options), `blob ${JSON.stringify(place.target ?? '')}`)
      return (schema === undefined ? value : await validate(schema, value, `blob ${JSON.stringify(place.target ?? '')}`)) as T
    },
    [Symbol.asyncDispose]: dispose,
  }
}

async function* follow(source: ReaderSource, onIterator: (iterator: AsyncIterator<Uint8Array>) => void): AsyncGenerator<Uint8Array, void> {
  const { first, signal, place } = source
  const { offset, length } = first.range
  let received = 0
  let barren = 0
  let blob = first
  for (;;) {
    const before = received
    const broken = yield* pass(blob)
    if (broken === undefined) return
    barren = received > before ? 0 : barren + 1
    if (barren > MAX_BARREN_RESUMES) throw broken
    blob = await source.resume(offset + received, length - received).catch((error: unknown) => {
      const changed = PortError.is(error, 'PRECONDITION_FAILED', 'NOT_FOUND')
      throw changed
        ? new PortError('UNAVAILABLE', {
            ...place,
            detail: 'the connection broke and the blob was replaced meanwhile: get it again',
            cause: error,
          })
        : error
    })
  }

  /** One body to its end; gives back why it ended too early, where another try may help. */
  async function* pass({ body }: DriverBlob): AsyncGenerator<Uint8Array, PortError | undefined> {
    const iterator = body[Symbol.asyncIterator]()
    onIterator(iterator)
    let rejectPull: ((reason: unknown) => void) | undefined
    const onAbort = (): void => rejectPull?.(new PortError('CANCELED', { ...place, cause: signal?.reason, outcome: 'not-applied' }))
    signal?.addEventListener('abort', onAbort)
    let ended = false
    try {
      for (;;) {
        if (signal?.aborted) throw new PortError('CANCELED', { ...place, cause: signal.reason, outcome: 'not-applied' })
        let step: IteratorResult<Uint8Array>
        try {
          step = await new Promise((resolve, reject) => {
            rejectPull = reject
            iterator.next().then(resolve, reject)
          })
        } catch (cause) {
          if (signal?.aborted) throw PortError.is(cause) ? cause : new PortError('CANCELED', { ...place, cause, outcome: 'not-applied' })
          ended = true
          const error = PortError.is(cause) ? cause.with(place) : new PortError('INTERNAL', { ...place, cause, outcome: 'not-applied' })
          if (!error.retryable) throw error
          return error
        }
        if (step.done === true) {
          ended = true
          if (received === length) return undefined
          return new PortError('UNAVAILABLE', { ...place, detail: `the body ended after ${received} of ${length} bytes` })
        }
        if (step.value.byteLength === 0) continue
        received += step.value.byteLength
        if (received > length)
          throw new PortError('INTEGRITY_FAILED', { ...place, detail: `the body has more than the ${length} bytes that were announced` })
        yield step.value
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (!ended) await iterator.return?.().catch(() => undefined)
    }
  }
}

/** Pull by pull, so that a slow reader slows the engine down; cancelling frees the socket. */
function toWeb(chunks: AsyncGenerator<Uint8Array, void>, dispose: () => Promise<void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await chunks.next()
        if (step.done === true) controller.close()
        else controller.enqueue(step.value)
      },
      async cancel() {
        await chunks.return()
        await dispose()
      },
    },
    { highWaterMark: 0 },
  )
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
