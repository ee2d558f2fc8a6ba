import { type AdapterDeps, PortError } from '@pdvend/ports'
import { readAll } from '../client/body.js'
import type { S3Client } from '../client/s3-client.js'
import { S3Error } from '../client/s3-error.js'
import { header } from '../codec.js'
import type { Settings } from '../config.js'
import type { NameScheme } from '../names.js'
import { type Measured, UNMEASURED } from './measured.js'
import { measureSigner, measureStore, sweepProbes } from './measure.js'

/** Our own objects. No key has such a name: it would begin with `.-`. */
const RECORD = '.pdvend/store.json'

/** Another number = another way to measure: what an older version has found is measured again. Its names stay. */
const VERSION = 1

/** What the bucket says about its store. How keys are named stands here for good: it must not change under the blobs. */
interface StoreRecord {
  readonly version: number
  readonly names: NameScheme
  readonly measured: Omit<Measured, 'signedPut' | 'signedPost'>
  /** By access key: another may be limited to writing. */
  readonly signers: Readonly<Record<string, Pick<Measured, 'signedPut' | 'signedPost'>>>
}

/** What this process has learned, by endpoint, bucket and keys. */
const known = new Map<string, { readonly atMs: number; readonly measured: Promise<Measured> }>()

/**
 * What the store keeps: from this process, from the bucket's record, or measured now. The record is in the bucket, so that all
 * instances share it, a container without a disk has it, and it goes where the blobs go. It is written again when the store's
 * `server` header changes or it is too old. A key that may not write uses what it can read.
 * @throws what the store answers where the bucket cannot be used
 */
export async function measuredStore(client: S3Client, settings: Settings, { clock, signal }: AdapterDeps): Promise<Measured> {
  const { endpoint, bucket, accessKey, uploadAccessKey = accessKey, probeMaxAgeMs } = settings
  const place = JSON.stringify([endpoint.origin, bucket, accessKey, uploadAccessKey, settings.names])
  const nowMs = clock.now()
  const before = known.get(place)
  if (before !== undefined && nowMs - before.atMs < probeMaxAgeMs) {
    const measured = await before.measured.catch(() => undefined)
    // The bucket must answer, and be the one that was measured.
    if (measured !== undefined && (await readRecord(client, signal)).record?.measured.at === measured.at) return measured
  }
  const measured = learn(client, settings, nowMs, signal)
  known.set(place, { atMs: nowMs, measured })
  try {
    return await measured
  } catch (error) {
    known.delete(place)
    throw error
  }
}

/** Asks for the record: a sign of life that names what is wrong with endpoint, keys, bucket or region. */
export async function readRecord(
  client: S3Client,
  signal: AbortSignal,
): Promise<{ readonly record?: StoreRecord; readonly server: string }> {
  try {
    const { message, headers } = await client.open({ method: 'GET', name: RECORD, signal })
    const record = parse((await readAll(message, signal, client.idleTimeoutMs, 65_536)).toString('utf8'))
    if (record === undefined) throw noStore()
    return { server: header(headers, 'server') ?? '', record }
  } catch (error) {
    // Some stores say 403 to a key that may read and not list, where nothing is.
    if (error instanceof S3Error && (error.code === 'NoSuchKey' || error.code === 'AccessDenied')) return { server: '' }
    if (error instanceof S3Error && error.code === '' && error.status < 500 && !isPlainText(error)) throw noStore(error)
    throw error
  }
}

function noStore(cause?: unknown): PortError {
  return new PortError('CONFIG_INVALID', {
    detail: 'what answers at PDVEND_BLOB_ENDPOINT is no S3 store, or its console: give the address of its API',
    cause,
  })
}

/** A TLS port that was spoken to in plain text says so in plain text; `errors.ts` has the mend. */
function isPlainText({ status }: S3Error): boolean {
  return status === 400
}

async function learn(client: S3Client, settings: Settings, nowMs: number, signal: AbortSignal): Promise<Measured> {
  const { accessKey, uploadAccessKey = accessKey, probeMaxAgeMs } = settings
  const { record, server } = await readRecord(client, signal)
  if (record !== undefined && settings.names !== 'auto' && settings.names !== record.names)
    throw new PortError('CONFIG_INVALID', {
      detail: `the bucket's blobs have ${record.names} names since it was first used: PDVEND_BLOB_NAMES cannot make them ${settings.names}`,
    })
  const fresh =
    record !== undefined &&
    record.version === VERSION &&
    record.measured.server === server &&
    nowMs - Date.parse(record.measured.at) < probeMaxAgeMs
  const signer = fresh ? record.signers[uploadAccessKey] : undefined
  if (fresh && signer !== undefined) return { ...record.measured, ...signer }
  try {
    const at = new Date(nowMs).toISOString()
    const store = fresh ? record.measured : { ...(await measureStore(client, signal)), at }
    const names = record?.names ?? (settings.names === 'auto' ? store.names : settings.names)
    const measured = { ...store, names }
    const signers = { ...(fresh ? record.signers : {}), [uploadAccessKey]: await measureSigner(client, settings, signal) }
    await client.call({
      method: 'PUT',
      name: RECORD,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ version: VERSION, names, measured, signers } satisfies StoreRecord)),
      signal,
    })
    await sweepProbes(client, nowMs, signal)
    return { ...measured, ...signers[uploadAccessKey]! }
  } catch (error) {
    if (!(error instanceof S3Error && error.code === 'AccessDenied')) throw error
    return record === undefined
      ? UNMEASURED
      : { ...record.measured, names: record.names, signedPut: 'none', signedPost: 'refused', ...record.signers[uploadAccessKey] }
  }
}

function parse(text: string): StoreRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<StoreRecord>
    return record.names !== undefined && record.measured !== undefined && record.signers !== undefined ? (record as StoreRecord) : undefined
  } catch {
    return undefined
  }
}
