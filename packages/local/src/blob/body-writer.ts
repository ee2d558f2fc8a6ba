import { createHash, hash } from 'node:crypto'
import type { BlobBody } from '@pdvend/ports'
import { BLOCK_BYTES, checksumOf, encodeChecksums } from './checksums.js'
import { type BodyFiles, type FileDraft, newName } from './body-files.js'

/**
 * Up to so many bytes a body is kept in the index itself: one fsync for many blobs. Above, the index's log would write
 * the bytes twice and a file of its own is cheaper.
 */
const INLINE_BYTES = 65_536

/** A body that is stored but belongs to no blob yet. */
export interface StoredBody {
  /** The version's name, its etag too. */
  readonly etag: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly body?: Uint8Array
  readonly file?: string
  readonly checksums?: Uint8Array
  readonly draft?: FileDraft
}

/** Stores a body with bounded memory: at most one block of it is held. Throws what the body throws, and leaves nothing then. */
export async function writeBody(files: BodyFiles, body: BlobBody, signal: () => AbortSignal): Promise<StoredBody> {
  const { bytes } = body
  if (bytes !== undefined && bytes.byteLength <= INLINE_BYTES) return inline(bytes)
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  const writer = new BlockWriter(files)
  let filled = 0
  try {
    for await (const chunk of body.stream) {
      for (let taken = 0; taken < chunk.byteLength;) {
        const part = chunk.subarray(taken, taken + BLOCK_BYTES - filled)
        block.set(part, filled)
        filled += part.byteLength
        taken += part.byteLength
        if (filled < BLOCK_BYTES) continue
        await writer.write(block)
        filled = 0
        signal().throwIfAborted()
      }
    }
    if (!writer.started && filled <= INLINE_BYTES) return inline(new Uint8Array(block.subarray(0, filled)))
    if (filled > 0) await writer.write(block.subarray(0, filled))
    signal().throwIfAborted()
    return await writer.finish()
  } catch (error) {
    await writer.discard()
    throw error
  }
}

function inline(body: Uint8Array): StoredBody {
  return { etag: newName(), sizeBytes: body.byteLength, sha256: hash('sha256', body, 'hex'), body }
}

/** Writes whole blocks to a draft file, with digest and checksums. */
class BlockWriter {
  readonly #digest = createHash('sha256')
  readonly #checksums: number[] = []
  #sizeBytes = 0
  #draft: FileDraft | undefined

  constructor(private readonly files: BodyFiles) {}

  get started(): boolean {
    return this.#draft !== undefined
  }

  async write(block: Uint8Array): Promise<void> {
    this.#draft ??= await this.files.create()
    this.#digest.update(block)
    this.#checksums.push(checksumOf(block))
    this.#sizeBytes += block.byteLength
    await this.#draft.write(block)
  }

  async finish(): Promise<StoredBody> {
    const draft = this.#draft!
    await draft.sync()
    return {
      etag: draft.name,
      sizeBytes: this.#sizeBytes,
      sha256: this.#digest.digest('hex'),
      file: draft.name,
      checksums: encodeChecksums(this.#checksums),
      draft,
    }
  }

  async discard(): Promise<void> {
    await this.#draft?.close('discard')
  }
}
