/** A body cut into pieces of one size. */
export interface Cuts {
  /** True when no byte is left; may look one chunk ahead. */
  ended(): Promise<boolean>
  /** The next `size` bytes, or what is left of them; `spent` is an earlier piece of that size that nobody needs any more. */
  next(size: number, spent?: Uint8Array): Promise<Uint8Array>
  /** Tells the source that no more is wanted, where it has not ended or failed by itself. */
  close(): Promise<void>
}

/** Of a body in memory: nothing is copied, and `spent` left alone, for it is the caller's. */
export class MemoryCuts implements Cuts {
  #at = 0

  constructor(private readonly bytes: Uint8Array) {}

  async ended(): Promise<boolean> {
    return this.#at >= this.bytes.byteLength
  }

  async next(size: number): Promise<Uint8Array> {
    const piece = this.bytes.subarray(this.#at, this.#at + size)
    this.#at += piece.byteLength
    return piece
  }

  async close(): Promise<void> {}
}

/** Of a stream of chunks of any size: copied into buffers that are used again, so that memory is that of the pieces under way. */
export class StreamCuts implements Cuts {
  readonly #iterator: AsyncIterator<Uint8Array>
  #rest: Uint8Array | undefined
  #ended = false

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]()
  }

  async ended(): Promise<boolean> {
    if (this.#rest === undefined && !this.#ended) {
      const step = await this.#iterator.next()
      if (step.done === true) this.#ended = true
      else this.#rest = step.value
    }
    return this.#ended
  }

  async next(size: number, spent?: Uint8Array): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let target = spent
    let length = 0
    while (length < size && !(await this.ended())) {
      const chunk = this.#take(size - length)
      // A small body of unknown length never gets a whole buffer.
      if (target === undefined && length + chunk.byteLength > size / 8) {
        target = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
        gather(chunks.splice(0), target)
      }
      if (target === undefined) chunks.push(chunk)
      else target.set(chunk, length)
      length += chunk.byteLength
    }
    return target === undefined ? gather(chunks, new Uint8Array(length)) : target.subarray(0, length)
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.().catch(() => undefined)
  }

  #take(most: number): Uint8Array {
    const chunk = this.#rest!
    this.#rest = chunk.byteLength > most ? chunk.subarray(most) : undefined
    return chunk.subarray(0, most)
  }
}

function gather(chunks: readonly Uint8Array[], target: Uint8Array): Uint8Array {
  let at = 0
  for (const chunk of chunks) {
    target.set(chunk, at)
    at += chunk.byteLength
  }
  return target
}
