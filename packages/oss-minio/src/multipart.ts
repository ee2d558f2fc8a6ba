import { setMaxListeners } from 'node:events'
import { crc32 } from 'node:zlib'
import { PortError } from '@pdvend/ports'
import type { S3Client } from './client/s3-client.js'
import { S3Error } from './client/s3-error.js'
import { elements, escape, textOf } from './client/xml.js'
import { bareEtag, crcText, header } from './codec.js'
import { combineCrc } from './crc.js'
import type { Janitor } from './janitor.js'

/** S3's bounds: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html (read November 2026). */
const MAX_PARTS = 10_000

/** After so many parts the next ones are twice as large, so that a body of unknown length may reach S3's 5 TiB. */
const PARTS_A_SIZE = 1_000

/** The size of part `number`, from 1. */
export function partBytesOf(number: number, firstBytes: number): number {
  return firstBytes * 2 ** Math.floor((number - 1) / PARTS_A_SIZE)
}

export interface Part {
  readonly bytes: Uint8Array
  /** The bytes may be overwritten now. */
  release(): void
}

export interface UploadTarget {
  readonly client: S3Client
  readonly janitor: Janitor
  readonly name: string
  /** Attributes: they are given when an upload begins. */
  readonly headers: Readonly<Record<string, string>>
  /** Conditions: they are kept when it ends. */
  readonly conditions: Readonly<Record<string, string>>
  /** `full`: the store keeps a checksum of the whole. */
  readonly checksums: 'full' | 'none'
  readonly signal: AbortSignal
  /** Parts under way at once. */
  readonly atOnce: number
}

export interface Uploaded {
  readonly etag: string
  readonly sizeBytes: number
}

interface SentPart {
  readonly etag: string
  readonly crc?: number
}

/**
 * One multipart upload. Parts are sent as they come, at most `atOnce` at a time; no more are asked for meanwhile. When anything
 * fails, the caller's abort included, the upload and its parts are removed, and nothing is published.
 */
export async function uploadParts(target: UploadTarget, parts: AsyncIterable<Part>): Promise<Uploaded> {
  const { signal } = target
  const id = await begin(target)
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const onAbort = (): void => stop.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  const sent: SentPart[] = []
  let completing = false
  try {
    signal.throwIfAborted()
    const { sizeBytes, crc } = await sendAll(target, id, parts, sent, stop)
    signal.throwIfAborted()
    completing = true
    const etag = await complete(target, id, sent, crc)
    return { etag, sizeBytes }
  } catch (error) {
    stop.abort(error)
    const removed = await target.janitor.remove(target.name, id)
    // The store has removed the upload: the completion whose answer did not come has not happened and will not.
    if (completing && removed === 'removed' && !(error instanceof S3Error && error.status < 500) && !signal.aborted)
      throw new PortError('UNAVAILABLE', {
        detail: 'the end of the upload was not answered; the upload was removed',
        cause: error,
        outcome: 'not-applied',
      })
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The same from parts of a blob that is there already; `ranges`: first and last byte of each. */
export async function copyParts(
  target: UploadTarget,
  source: string,
  sourceEtag: string,
  sizeBytes: number,
  partBytes: number,
): Promise<Uploaded> {
  const { client, name, signal, janitor } = target
  const id = await begin(target)
  const sent: SentPart[] = []
  try {
    for (let from = 0; from < sizeBytes; from += partBytes) {
      const range = `bytes=${from}-${Math.min(from + partBytes, sizeBytes) - 1}`
      const headers = { 'x-amz-copy-source': source, 'x-amz-copy-source-if-match': `"${sourceEtag}"`, 'x-amz-copy-source-range': range }
      const query = { partNumber: String(sent.length + 1), uploadId: id }
      const { xml } = await client.document({ method: 'PUT', name, query, headers, signal })
      sent.push({ etag: textOf(xml, 'ETag') ?? '' })
    }
    return { etag: await complete({ ...target, checksums: 'none' }, id, sent, undefined), sizeBytes }
  } catch (error) {
    await janitor.remove(name, id)
    throw error
  }
}

/** Removes uploads that began before `before`: those of killed writers. Gives their number. */
export async function removeStale(client: S3Client, before: Date, signal: AbortSignal): Promise<number> {
  let removed = 0
  let marker: Record<string, string> = {}
  for (;;) {
    const { xml } = await client.document({ method: 'GET', query: { uploads: '', ...marker }, signal })
    for (const upload of elements(xml, 'Upload')) {
      const name = textOf(upload, 'Key')
      const uploadId = textOf(upload, 'UploadId')
      if (name === undefined || uploadId === undefined || !(new Date(textOf(upload, 'Initiated') ?? '') <= before)) continue
      await client.call({ method: 'DELETE', name, query: { uploadId }, signal }).then(
        () => removed++,
        () => undefined,
      )
    }
    const key = textOf(xml, 'NextKeyMarker')
    if (textOf(xml, 'IsTruncated') !== 'true' || key === undefined) return removed
    marker = { 'key-marker': key, 'upload-id-marker': textOf(xml, 'NextUploadIdMarker') ?? '' }
  }
}

async function begin({ client, name, headers, checksums, signal }: UploadTarget): Promise<string> {
  const checksum = checksums === 'full' ? { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT' } : {}
  const { xml } = await client.document({ method: 'POST', name, query: { uploads: '' }, headers: { ...headers, ...checksum }, signal })
  const id = textOf(xml, 'UploadId')
  if (id === undefined) throw new PortError('INTERNAL', { detail: 'the store began an upload without an id', outcome: 'not-applied' })
  return id
}

async function sendAll(
  target: UploadTarget,
  id: string,
  parts: AsyncIterable<Part>,
  sent: SentPart[],
  stop: AbortController,
): Promise<{ sizeBytes: number; crc: number | undefined }> {
  const underWay = new Set<Promise<void>>()
  const source = parts[Symbol.asyncIterator]()
  const stopped = new Promise<never>((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error)))
  stopped.catch(() => undefined)
  let crc: number | undefined
  let sizeBytes = 0
  try {
    let number = 0
    for (;;) {
      // A part that failed ends the write at once, however slow the source is.
      const { value: part, done } = await Promise.race([source.next(), stopped])
      if (done === true) break
      if (++number > MAX_PARTS) throw new PortError('TOO_LARGE', { detail: `more than ${MAX_PARTS} parts` })
      const sum = target.checksums === 'full' ? crc32(part.bytes) : undefined
      if (sum !== undefined) crc = crc === undefined ? sum : combineCrc(crc, sum, part.bytes.byteLength)
      sizeBytes += part.bytes.byteLength
      const index = number - 1
      const sending = sendPart(target, id, number, part, sum, stop.signal).then(
        (answer) => {
          sent[index] = answer
          part.release()
        },
        (error: unknown) => stop.abort(error),
      )
      underWay.add(sending)
      void sending.finally(() => underWay.delete(sending))
      while (underWay.size >= target.atOnce) await Promise.race(underWay)
      stop.signal.throwIfAborted()
    }
    await Promise.all(underWay)
    stop.signal.throwIfAborted()
    return { sizeBytes, crc }
  } catch (error) {
    stop.abort(error)
    void source.return?.()?.catch(() => undefined)
    await Promise.all(underWay)
    throw error
  }
}

async function sendPart(
  { client, name }: UploadTarget,
  uploadId: string,
  number: number,
  { bytes }: Part,
  crc: number | undefined,
  signal: AbortSignal,
): Promise<SentPart> {
  const headers = crc === undefined ? {} : { 'x-amz-checksum-crc32': crcText(crc) }
  const answer = await client.call({ method: 'PUT', name, query: { partNumber: String(number), uploadId }, headers, body: bytes, signal })
  return { etag: header(answer, 'etag') ?? '', ...(crc === undefined ? {} : { crc }) }
}

async function complete(
  { client, name, conditions, signal }: UploadTarget,
  id: string,
  sent: readonly SentPart[],
  crc: number | undefined,
): Promise<string> {
  const parts = sent.map(({ etag, crc: sum }, index) => {
    const checksum = sum === undefined ? '' : `<ChecksumCRC32>${crcText(sum)}</ChecksumCRC32>`
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escape(etag)}</ETag>${checksum}</Part>`
  })
  const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
  const checksum = crc === undefined ? {} : { 'x-amz-checksum-crc32': crcText(crc), 'x-amz-checksum-type': 'FULL_OBJECT' }
  const { xml } = await client.document({
    method: 'POST',
    name,
    query: { uploadId: id },
    headers: { ...conditions, ...checksum },
    body,
    signal,
  })
  return bareEtag(textOf(xml, 'ETag') ?? '')
}
