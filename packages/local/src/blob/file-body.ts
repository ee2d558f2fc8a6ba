import type { FileHandle } from 'node:fs/promises'
import { PortError } from '@pdvend/ports'
import { BLOCK_BYTES, checksumAt, checksumOf } from './checksums.js'
import { fail } from './errors.js'

export interface FileBodyOptions {
  readonly handle: FileHandle
  readonly sizeBytes: number
  readonly checksums: Uint8Array
  readonly range: { readonly offset: number; readonly length: number }
}

/**
 * The bytes of a range, block by block: each block is checked against its checksum before one of its bytes is given out
 * [B98, B99]. The file is closed at the end, on an error, and by `return`, also before the first pull [B55].
 */
export function fileBody({ handle, sizeBytes, checksums, range }: FileBodyOptions): AsyncIterable<Uint8Array> {
  const end = range.offset + range.length
  let at = range.offset
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= handle.close())

  const nextBlock = async (): Promise<Uint8Array> => {
    const block = Math.floor(at / BLOCK_BYTES)
    const start = block * BLOCK_BYTES
    const bytes = await readExactly(handle, start, Math.min(BLOCK_BYTES, sizeBytes - start))
    if (checksumOf(bytes) !== checksumAt(checksums, block)) throw damaged(`block ${block} does not fit its checksum`)
    const slice = bytes.subarray(at - start, Math.min(end - start, bytes.byteLength))
    at += slice.byteLength
    return slice
  }
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      if (closing !== undefined || at >= end) {
        await close()
        return { done: true, value: undefined }
      }
      try {
        return { done: false, value: await nextBlock() }
      } catch (cause) {
        await close()
        throw fail('get', cause)
      }
    },
    async return() {
      await close()
      return { done: true, value: undefined }
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** A stored body that is not what was written. */
export function damaged(what: string): PortError {
  return new PortError('INTEGRITY_FAILED', {
    adapter: 'local-blob',
    detail: `the stored body is damaged: ${what}; restore the blob from a backup`,
  })
}

async function readExactly(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
    if (bytesRead === 0) throw damaged(`its file ends after ${position + done} bytes`)
    done += bytesRead
  }
  return bytes
}
