import { crc32 } from 'node:zlib'
import { createHash } from 'node:crypto'
import { type BlobRange, type DriverBlob, type DriverGet, isModifiedSince, PortError, resolveRange } from '@pdvend/ports'
import { BodyStream, readAll, type Verifier } from './client/body.js'
import type { S3Client, S3Request } from './client/s3-client.js'
import { S3Error } from './client/s3-error.js'
import type { WireAnswer } from './client/transport.js'
import { TransportError } from './client/transport-error.js'
import { fail } from './errors.js'
import { crcText, header, quotedEtag, toInfo } from './codec.js'

/** Bodies up to it are read at once: verified before a byte is given out, and their connection free when `get` resolves. */
const EAGER_BYTES = 262_144

/** Refusals that say nothing about the blob itself. */
const OVERLOAD = new Set(['SlowDown', 'ServiceUnavailable', 'TooManyRequests', 'RequestLimitExceeded'])

/** Reads one blob, or a range of it, whole and verified, or says why not. */
export async function openBlob(client: S3Client, key: string, name: string, options: DriverGet): Promise<DriverBlob> {
  const { range, signal } = options
  if (isEmpty(range)) return emptyPart(client, key, name, options)
  const request: S3Request = { method: 'GET', name, headers: { ...conditionsOf(options), ...rangeHeader(range) }, signal }
  const answer = await client.open(request).catch(async (error: unknown) => {
    // A suffix of an empty blob is not satisfiable in HTTP, and all of the blob in the port [B73].
    if (error instanceof S3Error && error.status === 416 && range !== undefined && 'suffix' in range) return undefined
    throw await explain(client, name, firstByte(range), error, signal)
  })
  if (answer === undefined) return emptyPart(client, key, name, options)
  const { status, headers, message } = answer
  const leave = (error: Error): never => {
    message.destroy()
    throw error
  }
  const served = servedRange(answer)
  const wanted = resolveRange(range, served.total)
  if (wanted === undefined) return leave(new PortError('RANGE_NOT_SATISFIABLE', { detail: beyond(served.total) }))
  if (served.offset !== wanted.offset || served.length !== wanted.length)
    return leave(
      new PortError('INTERNAL', { detail: `the store gave another range than ${JSON.stringify(range)}`, outcome: 'not-applied' }),
    )
  const info = toInfo(key, headers, served.total)
  // Asked again, for a store may look at one condition alone.
  if (!isModifiedSince(info.modifiedAt, options.ifModifiedSince))
    return leave(new PortError('PRECONDITION_FAILED', { detail: 'the blob was not modified since' }))
  const verifier = status === 200 ? verifierOf(headers) : undefined
  const explained = (error: Error, received: number): Promise<Error> =>
    explain(client, name, wanted.offset + received, error, signal.aborted ? new AbortController().signal : signal)
  const inWords = async (error: Error, received: number): Promise<Error> => fail('get', await explained(error, received), key)
  if (wanted.length > EAGER_BYTES)
    return { info, range: wanted, body: new BodyStream(message, wanted.length, client.idleTimeoutMs, verifier, inWords) }
  const bytes = await readAll(message, signal, client.idleTimeoutMs, wanted.length).catch(async (error: Error) => {
    throw await explained(error, 0)
  })
  if (bytes.byteLength !== wanted.length) throw await explained(TransportError.ended(bytes.byteLength, wanted.length), bytes.byteLength)
  verifier?.update(bytes)
  verifier?.end()
  return { info, range: wanted, body: once(bytes) }
}

/** A range of no bytes cannot be asked for in HTTP: the head tells whether it is there [B72, B74]. */
async function emptyPart(client: S3Client, key: string, name: string, options: DriverGet): Promise<DriverBlob> {
  const headers = await client.call({ method: 'HEAD', name, headers: conditionsOf(options), signal: options.signal })
  const sizeBytes = Number(header(headers, 'content-length'))
  const wanted = resolveRange(options.range, sizeBytes)
  if (wanted === undefined || wanted.length > 0) throw new PortError('RANGE_NOT_SATISFIABLE', { detail: beyond(sizeBytes) })
  const info = toInfo(key, headers, sizeBytes)
  if (!isModifiedSince(info.modifiedAt, options.ifModifiedSince))
    throw new PortError('PRECONDITION_FAILED', { detail: 'the blob was not modified since' })
  return { info, range: wanted, body: once(new Uint8Array()) }
}

function conditionsOf({ range, ifMatch, ifNoneMatch, ifModifiedSince }: DriverGet): Record<string, string> {
  return {
    ...(range === undefined ? { 'x-amz-checksum-mode': 'ENABLED' } : {}),
    ...(ifMatch === undefined ? {} : { 'if-match': quotedEtag(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { 'if-none-match': quotedEtag(ifNoneMatch) }),
    ...(ifModifiedSince === undefined ? {} : { 'if-modified-since': ifModifiedSince.toUTCString() }),
  }
}

function rangeHeader(range: BlobRange | undefined): Record<string, string> {
  if (range === undefined) return {}
  if ('suffix' in range) return { range: `bytes=-${range.suffix}` }
  return { range: `bytes=${range.offset}-${range.length === undefined ? '' : range.offset + range.length - 1}` }
}

function isEmpty(range: BlobRange | undefined): boolean {
  return range !== undefined && ('suffix' in range ? range.suffix === 0 : range.length === 0)
}

function firstByte(range: BlobRange | undefined): number {
  return range === undefined || 'suffix' in range ? 0 : range.offset
}

function servedRange({ status, headers }: WireAnswer): { offset: number; length: number; total: number } {
  const length = Number(header(headers, 'content-length'))
  const parts = status === 206 ? /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header(headers, 'content-range') ?? '') : null
  return parts === null
    ? { offset: 0, length, total: length }
    : { offset: Number(parts[1]), length: Number(parts[2]) - Number(parts[1]) + 1, total: Number(parts[3]) }
}

/** Of the whole body, where the store keeps a digest of the whole [B98]. */
function verifierOf(headers: WireAnswer['headers']): Verifier | undefined {
  const crc = header(headers, 'x-amz-checksum-crc32')
  if (crc !== undefined && !crc.includes('-')) {
    let sum = 0
    return { update: (chunk) => (sum = crc32(chunk, sum)), end: () => check(crcText(sum) === crc) }
  }
  const sha256 = header(headers, 'x-amz-checksum-sha256')
  if (sha256 === undefined || sha256.includes('-')) return undefined
  const digest = createHash('sha256')
  return { update: (chunk) => digest.update(chunk), end: () => check(digest.digest('base64') === sha256) }
}

function check(fits: boolean): void {
  if (!fits) throw damaged('the body does not fit the checksum that was stored with it')
}

/**
 * A store that finds bit rot by itself cuts the connection or says that it cannot read now, as it does when it is overloaded. So
 * whatever breaks a body is asked about once more: is the head there, and does the very byte break again, twice, on new requests?
 * Then the blob is damaged, and trying again does not help [B98, B99].
 */
async function explain(client: S3Client, name: string, at: number, error: unknown, signal: AbortSignal): Promise<Error> {
  const refusal = error instanceof S3Error && error.status >= 500 && error.status !== 501 && !OVERLOAD.has(error.code)
  const broken = error instanceof TransportError && error.sent && error.code !== 'SILENT'
  if (signal.aborted || !(refusal || broken)) return error as Error
  for (let round = 0; round < 2; round++) if (await readable(client, name, at, signal)) return error as Error
  const head = await client.call({ method: 'HEAD', name, signal }).catch(() => undefined)
  return head === undefined ? (error as Error) : damaged('the store has the blob’s head, and cannot read its body')
}

async function readable(client: S3Client, name: string, at: number, signal: AbortSignal): Promise<boolean> {
  try {
    const { message } = await client.open({ method: 'GET', name, headers: { range: `bytes=${at}-${at}` }, signal })
    await readAll(message, signal, client.idleTimeoutMs, 1)
    return true
  } catch (error) {
    // Gone, replaced by something shorter, refused: not a damage.
    return error instanceof S3Error && error.status < 500
  }
}

function damaged(detail: string): PortError {
  return new PortError('INTEGRITY_FAILED', { detail, retryable: false })
}

function beyond(sizeBytes: number): string {
  return `the range starts beyond the ${sizeBytes} bytes of the blob`
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  if (bytes.byteLength > 0) yield bytes
}
