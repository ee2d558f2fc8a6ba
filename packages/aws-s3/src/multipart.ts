import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { backoffMs, type BlobBody, defaultRetry, mayRetry, PortError, type Repeat } from '@pdvend/ports'
import { type Cuts, MemoryCuts, StreamCuts } from './cuts.js'

/** S3: a multipart upload has at most so many parts. */
const MAX_PARTS = 10_000

/** One part that the store has. */
export interface Part {
  readonly number: number
  readonly etag: string
  readonly crc32: number
}

/** How parts get to the store; each call is one request. */
export interface PartTarget<Result> {
  part(number: number, bytes: Uint8Array, crc32: number, signal: AbortSignal): Promise<Part>
  complete(parts: readonly Part[], crc32: number, signal: AbortSignal): Promise<Result>
  abort(): Promise<void>
}

/** Where the bytes of a write go: in one request, or in parts when there are more than fit into one. */
export interface WriteTarget<Result> {
  single(bytes: Uint8Array, crc32: number): Promise<Result>
  begin(): Promise<PartTarget<Result>>
}

export interface WriteOptions {
  readonly partBytes: number
  readonly partsAtOnce: number
  /** What writing twice would do. */
  readonly repeat: Repeat
  readonly signal: AbortSignal
}

/**
 * Sends a body of any length in bounded memory: `partsAtOnce` buffers of `partBytes` are filled in turn, and the source is pulled
 * only while one of them is free. What fits into one is one request. When the source, the caller or the store fails, the parts that
 * are under way are waited for and the upload is aborted, so that nothing of it stays behind [B49, B53].
 */
export async function send<Result>(body: BlobBody, target: WriteTarget<Result>, options: WriteOptions): Promise<Result> {
  const source = body.bytes === undefined ? new StreamCuts(body.stream) : new MemoryCuts(body.bytes)
  const { sizeBytes = Number.POSITIVE_INFINITY } = body
  const partBytes = Number.isFinite(sizeBytes) ? Math.max(options.partBytes, Math.ceil(sizeBytes / MAX_PARTS)) : options.partBytes
  try {
    const first = await source.next(Math.min(partBytes, sizeBytes))
    if (await source.ended()) {
      options.signal.throwIfAborted()
      const single = (): Promise<Result> => target.single(first, crc32(first))
      return body.bytes === undefined ? await repeated(options.repeat, options.signal, single) : await single()
    }
    // A begin whose answer is lost leaves an upload that nobody knows.
    const parts = await repeated('guarded', options.signal, () => target.begin())
    try {
      return await sendParts(first, source, parts, { ...options, partBytes })
    } catch (error) {
      await abandon(parts)
      throw error
    }
  } finally {
    await source.close()
  }
}

async function sendParts<Result>(first: Uint8Array, source: Cuts, target: PartTarget<Result>, options: WriteOptions): Promise<Result> {
  const { partBytes, partsAtOnce } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const done: Part[] = []
  const free: Uint8Array[] = []
  const underWay = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  let sum = 0
  let buffer: Uint8Array | undefined = first
  try {
    for (let number = 1; buffer !== undefined; number++) {
      if (number > MAX_PARTS) throw tooManyParts(partBytes)
      const bytes = buffer
      const checksum = crc32(bytes)
      sum = crc32(bytes, sum)
      const sent = repeated('safe', signal, () => target.part(number, bytes, checksum, signal)).then(
        (part) => void done.push(part),
        (error: unknown) => {
          failure ??= { error }
          stop.abort(error)
        },
      )
      underWay.add(sent)
      void sent.then(() => {
        underWay.delete(sent)
        free.push(bytes)
      })
      while (underWay.size >= partsAtOnce && failure === undefined) await Promise.race(underWay)
      if (failure !== undefined) throw failure.error
      options.signal.throwIfAborted()
      buffer = (await source.ended()) ? undefined : await source.next(partBytes, free.pop())
    }
  } catch (error) {
    stop.abort(error)
    throw failure?.error ?? error
  } finally {
    await Promise.all(underWay)
  }
  // A statement of its own: the last parts may have failed while they were waited for.
  const failed = failure as { readonly error: unknown } | undefined
  if (failed !== undefined) throw failed.error
  options.signal.throwIfAborted()
  done.sort((one, other) => one.number - other.number)
  return repeated('guarded', options.signal, () => target.complete(done, sum, options.signal))
}

/**
 * The only repetition in this adapter: the port could repeat a write only from its first byte, and a stream that was read from not
 * at all, while what was read is in memory here. The port's own policy decides.
 */
async function repeated<T>(repeat: Repeat, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (signal.aborted || tries >= defaultRetry.maxAttempts || !PortError.is(error) || !mayRetry(error, repeat)) throw error
      await sleep(backoffMs(defaultRetry, tries), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) throw error
    }
  }
}

/** An upload that cannot be aborted now either is left to the bucket's lifecycle rule, or to PDVEND_BLOB_SWEEP_AFTER_MS. */
async function abandon(parts: Pick<PartTarget<unknown>, 'abort'>): Promise<void> {
  const never = new AbortController().signal
  await repeated('safe', never, () => parts.abort()).catch(() => undefined)
}

function tooManyParts(partBytes: number): PortError {
  const detail = `a body of unknown length ends at ${MAX_PARTS} parts of ${partBytes} bytes: declare sizeBytes, or raise PDVEND_BLOB_PART_BYTES`
  return new PortError('TOO_LARGE', { adapter: 'aws-s3', operation: 'put', detail })
}
