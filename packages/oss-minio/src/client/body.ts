import type { IncomingMessage } from 'node:http'
import { TransportError } from './transport-error.js'

/** Told of each chunk in order; `end` throws when the whole does not fit. */
export interface Verifier {
  update(chunk: Uint8Array): void
  end(): void
}

/** What a body of unknown length begins with, in bytes. */
const FIRST_BYTES = 65_536

const NOTHING = Buffer.alloc(0)

/**
 * All of a body in one piece. What is longer than `maxBytes` is cut there and its connection closed.
 * @throws TransportError | the signal's reason
 */
export function readAll(message: IncomingMessage, signal: AbortSignal, idleTimeoutMs: number, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Copied as they come: chunks that are kept grow old, and their memory with them.
    const length = Number(message.headers['content-length'])
    let whole: Buffer<ArrayBufferLike> = Buffer.allocUnsafe(length <= maxBytes ? length : Math.min(maxBytes, FIRST_BYTES))
    let received = 0
    let moved = -1
    const silent = (): void => {
      if (moved === received) fail(TransportError.silent(idleTimeoutMs, true))
      moved = received
    }
    const timer = setInterval(silent, idleTimeoutMs)
    const done = (): void => {
      clearInterval(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: Error): void => {
      done()
      reject(error)
      message.destroy()
    }
    const onAbort = (): void => fail(signal.reason as Error)
    const finish = (): void => {
      done()
      resolve(whole.subarray(0, received))
      whole = NOTHING
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    message.on('data', (chunk: Buffer) => {
      const fits = Math.min(chunk.byteLength, maxBytes - received)
      if (received + fits > whole.byteLength)
        whole = grown(whole, received, Math.min(maxBytes, Math.max(received + fits, whole.byteLength * 2)))
      chunk.copy(whole, received, 0, fits)
      received += fits
      if (received < maxBytes) return
      finish()
      if (fits < chunk.byteLength) message.destroy()
    })
    message.once('end', finish)
    message.once('error', (cause) => fail(new TransportError(cause, true)))
    message.once(
      'close',
      () => !message.complete && fail(new TransportError(new Error('the connection closed in the middle of the body'), true)),
    )
  })
}

function grown(whole: Buffer, received: number, bytes: number): Buffer {
  const larger = Buffer.allocUnsafe(bytes)
  whole.copy(larger, 0, 0, received)
  return larger
}

/**
 * A body chunk by chunk, one pass. The store is held back while nobody pulls; the last chunk leaves only after `verifier` has seen
 * the whole. `return()` frees the connection, which is used again only when the body was read to its end.
 */
export class BodyStream implements AsyncIterableIterator<Uint8Array> {
  #received = 0
  #waiting: (() => void) | undefined
  #over = false
  #failure: Error | undefined

  constructor(
    private readonly message: IncomingMessage,
    private readonly length: number,
    private readonly idleTimeoutMs: number,
    private readonly verifier: Verifier | undefined,
    /** Gives the reason, in the caller's words, for a body that broke off after so many bytes. */
    private readonly explain: (error: Error, received: number) => Promise<Error>,
  ) {
    const wake = (): void => this.#wake()
    message.on('readable', wake)
    message.once('end', wake)
    message.once('error', (cause) => this.#fail(new TransportError(cause, true)))
    message.once('close', () => this.#fail(TransportError.ended(this.#received, length)))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      if (this.#over || this.#received === this.length) return this.#ended()
      const chunk = this.message.read() as Buffer | null
      if (chunk !== null) return { done: false, value: this.#take(chunk) }
      const broken = this.#failure ?? (this.message.readableEnded ? TransportError.ended(this.#received, this.length) : undefined)
      if (broken !== undefined) throw await this.explain(broken, this.#received)
      await this.#readable()
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#over && !this.message.readableEnded) this.message.destroy()
    this.#over = true
    this.#wake()
    return { done: true, value: undefined }
  }

  #take(chunk: Buffer): Buffer {
    this.#received += chunk.byteLength
    try {
      this.verifier?.update(chunk)
      if (this.#received >= this.length) this.verifier?.end()
    } catch (error) {
      void this.return()
      throw error
    }
    return chunk
  }

  #ended(): IteratorResult<Uint8Array, undefined> {
    // What is left is the end itself: taking it gives the connection back.
    if (!this.#over) this.message.resume()
    this.#over = true
    return { done: true, value: undefined }
  }

  /** Resolves when there is a chunk, the end or a failure; a body that stands still for too long is one. */
  #readable(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.message.destroy()
        this.#fail(TransportError.silent(this.idleTimeoutMs, true))
      }, this.idleTimeoutMs)
      this.#waiting = () => {
        clearTimeout(timer)
        this.#waiting = undefined
        resolve()
      }
    })
  }

  #wake(): void {
    this.#waiting?.()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}
