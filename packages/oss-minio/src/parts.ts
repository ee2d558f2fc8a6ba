import type { BlobBody } from '@pdvend/ports'
import { partBytesOf, type Part } from './multipart.js'

/** What a buffer for a body of unknown length begins with, in bytes; it doubles up to the size of a part. */
const FIRST_BYTES = 65_536

/** A body that is small enough for one request, or its parts. */
export type Gathered = { readonly whole: Uint8Array } | { readonly parts: AsyncIterable<Part> }

/**
 * Reads a body until it is known whether it fits one request. Nothing was sent before: a source that fails or is aborted within
 * the first part has touched nothing. Bytes are copied, as a source may use its chunk again; a part's memory is used again, too.
 */
export async function gather(body: BlobBody, partBytes: number): Promise<Gathered> {
  const { bytes, sizeBytes } = body
  if (bytes !== undefined) return bytes.byteLength <= partBytes ? { whole: bytes } : { parts: slices(bytes, partBytes) }
  const chunks = body.stream[Symbol.asyncIterator]()
  const first = sizeBytes === undefined ? Math.min(FIRST_BYTES, partBytes) : Math.min(sizeBytes, partBytes)
  let buffer = Buffer.allocUnsafeSlow(first)
  let filled = 0
  try {
    for (;;) {
      const { value: chunk, done } = await chunks.next()
      if (done === true) return { whole: buffer.subarray(0, filled) }
      const wanted = filled + chunk.byteLength
      if (wanted > buffer.byteLength && buffer.byteLength < partBytes) buffer = grown(buffer, filled, wanted, partBytes)
      const fits = Math.min(chunk.byteLength, buffer.byteLength - filled)
      buffer.set(fits === chunk.byteLength ? chunk : chunk.subarray(0, fits), filled)
      filled += fits
      if (fits < chunk.byteLength) return { parts: pooled(chunks, buffer, chunk.subarray(fits), partBytes) }
    }
  } catch (error) {
    await chunks.return?.()
    throw error
  }
}

/** Parts that fit a body of this size into the 10,000 that there may be. */
export function partBytesFor(sizeBytes: number | undefined, configured: number): number {
  return sizeBytes === undefined ? configured : Math.max(configured, Math.ceil(sizeBytes / 9_000))
}

async function* slices(bytes: Uint8Array, partBytes: number): AsyncGenerator<Part, void> {
  for (let at = 0; at < bytes.byteLength; at += partBytes) yield { bytes: bytes.subarray(at, at + partBytes), release: () => undefined }
}

/** Parts from the rest of a stream, `first` being full. Buffers that are released are filled again. */
async function* pooled(chunks: AsyncIterator<Uint8Array>, first: Buffer, rest: Uint8Array, partBytes: number): AsyncGenerator<Part, void> {
  const free: Buffer[] = []
  const partOf = (buffer: Buffer, filled: number): Part => ({ bytes: buffer.subarray(0, filled), release: () => void free.push(buffer) })
  let ended = false
  try {
    yield partOf(first, first.byteLength)
    let pending = rest
    for (let number = 2; !ended; number++) {
      const size = partBytesOf(number, partBytes)
      const kept = free.pop()
      const buffer = kept !== undefined && kept.byteLength === size ? kept : Buffer.allocUnsafeSlow(size)
      let filled = 0
      while (filled < size) {
        if (pending.byteLength === 0) {
          const { value: chunk, done } = await chunks.next()
          if (done === true) {
            ended = true
            break
          }
          pending = chunk
        }
        const fits = Math.min(pending.byteLength, size - filled)
        buffer.set(fits === pending.byteLength ? pending : pending.subarray(0, fits), filled)
        filled += fits
        pending = pending.subarray(fits)
      }
      if (filled > 0) yield partOf(buffer, filled)
    }
  } finally {
    if (!ended) await chunks.return?.()
  }
}

function grown(buffer: Buffer, filled: number, wanted: number, most: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(wanted, buffer.byteLength * 2)))
  buffer.copy(larger, 0, 0, filled)
  return larger
}
