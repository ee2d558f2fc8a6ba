import type { IncomingMessage } from 'node:http'
import { PortError } from '@pdvend/ports'
import { failed } from './errors.js'
import { silent } from './transport.js'

/** A body up to it is read and checked before `get` answers: its connection is free at once, and no damaged byte is handed out. */
const SMALL_BYTES = 262_144

/** Fed with a body's bytes, in order. */
export interface BodyCheck {
  update(chunk: Uint8Array): void
  matches(): boolean
}

/** What is known of a body before its first byte. */
export interface BodyExpectation {
  readonly key: string
  readonly length: number
  /** Against the checksum of the whole of it, where the store sent one. */
  readonly check?: BodyCheck
  readonly signal: AbortSignal
}

/**
 * The bodies that are being read. An answer whose body nobody reads holds its connection, and enough of them would stop every
 * other call; so when more than `limit` are open, the one that was left alone for longest gives its connection back. Its reader
 * meets an UNAVAILABLE, asks for the rest of the same version, and its caller sees nothing of it.
 */
export class OpenBodies {
  /** Those that nobody waits on, longest left alone first. */
  readonly #resting = new Set<IncomingMessage>()

  constructor(
    private readonly limit: number,
    private readonly silenceMs: number,
  ) {}

  /** The bytes of an answer, one pass. Small ones are here already when this resolves. */
  async open(response: IncomingMessage, expected: BodyExpectation): Promise<AsyncIterable<Uint8Array>> {
    const stream = this.#stream(response, expected)
    if (expected.length > SMALL_BYTES) {
      this.#rest(response)
      const leave = stream.return.bind(stream)
      // A generator that was never pulled ends without running what would free its connection.
      stream.return = (value) => {
        this.#resting.delete(response)
        response.destroy()
        return leave(value)
      }
      return stream
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return once(chunks)
  }

  #rest(response: IncomingMessage): void {
    this.#resting.add(response)
    if (this.#resting.size <= this.limit) return
    const [oldest] = this.#resting
    this.#resting.delete(oldest!)
    oldest!.destroy(Object.assign(new Error('nobody read on while others needed the connection'), { code: 'ECONNRESET' }))
  }

  async *#stream(response: IncomingMessage, { key, length, check, signal }: BodyExpectation): AsyncGenerator<Uint8Array, void> {
    let pulling = true
    let received = 0
    // Started anew by each pull; a reader who takes his time is not the store's silence.
    const watch = setTimeout(() => {
      if (pulling) response.destroy(silent(this.silenceMs))
    }, this.silenceMs)
    watch.unref()
    const onAbort = (): void => void response.destroy()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      this.#resting.delete(response)
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        pulling = false
        received += chunk.byteLength
        check?.update(chunk)
        if (received === length && check?.matches() === false) throw damaged(key)
        this.#rest(response)
        yield chunk
        this.#resting.delete(response)
        pulling = true
        watch.refresh()
      }
    } catch (cause) {
      const error = failed('get', signal.aborted ? signal.reason : cause, key)
      throw error.code === 'UNAVAILABLE' ? error.with({ outcome: 'not-applied' }) : error
    } finally {
      clearTimeout(watch)
      signal.removeEventListener('abort', onAbort)
      this.#resting.delete(response)
      response.destroy()
    }
  }
}

function damaged(key: string): PortError {
  return new PortError('INTEGRITY_FAILED', {
    adapter: 'aws-s3',
    operation: 'get',
    target: key,
    detail: 'the bytes that arrived do not fit the checksum of the blob',
  })
}

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks
}
