import { crc32 } from 'node:zlib'
import type { S3Client } from '../client/s3-client.js'
import { elements, escape, textOf } from '../client/xml.js'
import { crcText, header } from '../codec.js'
import type { Settings } from '../config.js'
import type { NameScheme } from '../names.js'
import { listNames, removeNames } from '../store.js'
import { Lab, type Outcome, PROBES } from './lab.js'
import type { Kept, Measured } from './measured.js'
import { measurePost, measurePut } from './measure-signing.js'

/** Writers at once where a condition is put to the test. */
const RACERS = 8

/** Probes whose process was killed are removed after so long, in milliseconds. */
const STALE_MS = 3_600_000

const NO_ETAG = '"00000000000000000000000000000000"'

/** Everything but what depends on the key that signs: about 60 small requests, most of them at once. */
export async function measureStore(client: S3Client, signal: AbortSignal): Promise<Omit<Measured, 'at' | 'signedPut' | 'signedPost'>> {
  const lab = new Lab(client, signal)
  try {
    // Alone and first: a key that may not write learns it by one request.
    await lab.put(lab.name('first'), 'first')
    const [names, createOnce, compareAndSwap, multipartConditions, conditionalDelete, copySource, checksums, versions] = await Promise.all([
      namesOf(lab),
      createOnceOf(lab),
      compareAndSwapOf(lab),
      multipartConditionsOf(lab),
      conditionalDeleteOf(lab),
      copySourceOf(lab),
      checksumsOf(lab),
      versionsOf(lab),
    ])
    return {
      server: lab.server,
      names,
      createOnce,
      compareAndSwap,
      multipartConditions,
      conditionalDelete,
      copySource,
      checksums,
      versions,
    }
  } finally {
    await lab.clear()
  }
}

/** What uploads that are signed by this key may do. */
export async function measureSigner(
  client: S3Client,
  settings: Settings,
  signal: AbortSignal,
): Promise<Pick<Measured, 'signedPut' | 'signedPost'>> {
  const lab = new Lab(client, signal)
  try {
    const [signedPut, signedPost] = await Promise.all([measurePut(lab, settings), measurePost(lab, settings)])
    return { signedPut, signedPost }
  } finally {
    await lab.clear()
  }
}

/** Removes what killed probes have left. */
export async function sweepProbes(client: S3Client, nowMs: number, signal: AbortSignal): Promise<void> {
  const { items } = await listNames(client, { prefix: PROBES, limit: 1_000 }, signal)
  const stale = items.filter((item) => 'modifiedAt' in item && nowMs - item.modifiedAt.getTime() > STALE_MS)
  if (stale.length > 0)
    await removeNames(
      client,
      stale.map(({ name }) => name),
      signal,
    )
}

/** Plain names need a store that keeps `a` beside `a/b` and gives back characters that XML cannot hold. */
async function namesOf(lab: Lab): Promise<NameScheme> {
  const names = ['a', 'a/b', 'c\u0001\uffff'].map((name) => lab.name(`names/${name}`))
  const outcomes = []
  for (const name of names) outcomes.push(await lab.put(name, 'x').catch(() => undefined))
  if (outcomes.some((outcome) => outcome?.status !== 200)) return 'escaped'
  const { items } = await listNames(lab.client, { prefix: lab.name('names/'), limit: 10 }, lab.signal)
  return items.length === names.length && items.every(({ name }, index) => name === names[index]) ? 'plain' : 'escaped'
}

async function createOnceOf(lab: Lab): Promise<Kept> {
  const headers = { 'if-none-match': '*' }
  const name = lab.name('create')
  const racers = await race((racer) => lab.put(name, `racer ${racer}`, headers))
  if (racers === 0) return 'refused'
  if (racers > 1) return (await lab.put(name, 'again', headers)).status === 200 ? 'ignored' : 'raced'
  return (await lab.put(name, 'again', headers)).status === 412 ? 'kept' : 'ignored'
}

async function compareAndSwapOf(lab: Lab): Promise<Kept> {
  const name = lab.name('swap')
  const etag = header((await lab.put(name, 'first')).headers, 'etag') ?? ''
  if ((await lab.put(name, 'stale', { 'if-match': NO_ETAG })).status === 200) return 'ignored'
  const winners = await race((racer) => lab.put(name, `racer ${racer}`, { 'if-match': etag }))
  if (winners !== 1) return winners === 0 ? 'refused' : 'raced'
  return (await lab.put(lab.name('swap-missing'), 'x', { 'if-match': etag })).status === 200 ? 'ignored' : 'kept'
}

/** Conditions on the end of an upload: two that create one blob at once, and one over a version that is not there. */
async function multipartConditionsOf(lab: Lab): Promise<Kept> {
  const name = lab.name('multipart')
  const ends = await Promise.all([1, 2].map(() => ready(lab, name)))
  const created = await Promise.all(ends.map(async (end) => end?.({ 'if-none-match': '*' })))
  const winners = created.filter(isDone).length
  if (winners === 0) return 'refused'
  if (winners > 1) return 'ignored'
  const stale = await ready(lab, name)
  return isDone(await stale?.({ 'if-match': NO_ETAG })) ? 'ignored' : 'kept'
}

/** A delete of another version, of none, and deletes that race with a swap of the same version. */
async function conditionalDeleteOf(lab: Lab): Promise<Kept> {
  const name = lab.name('delete')
  const put = await lab.put(name, 'x')
  await lab.send({ method: 'DELETE', name, headers: { 'if-match': NO_ETAG } })
  if ((await lab.get(name)).status !== 200) return 'ignored'
  const etag = header(put.headers, 'etag') ?? ''
  const removed = await lab.send({ method: 'DELETE', name, headers: { 'if-match': etag } })
  if (removed.status >= 300) return 'refused'
  if ((await lab.send({ method: 'DELETE', name, headers: { 'if-match': etag } })).status < 300) return 'ignored'
  for (let round = 0; round < RACERS / 2; round++) {
    const version = header((await lab.put(name, `round ${round}`)).headers, 'etag') ?? ''
    const headers = { 'if-match': version }
    const both = await Promise.all([lab.send({ method: 'DELETE', name, headers }), lab.put(name, `swapped ${round}`, headers)])
    if (both.every(({ status }) => status < 300)) return 'raced'
  }
  return 'kept'
}

async function copySourceOf(lab: Lab): Promise<Kept> {
  const put = await lab.put(lab.name('source'), 'x')
  const copy = (etag: string): Promise<Outcome> =>
    lab.send({
      method: 'PUT',
      name: lab.name('copied'),
      headers: { 'x-amz-copy-source': `/${lab.client.bucket}/${lab.name('source')}`, 'x-amz-copy-source-if-match': etag },
    })
  if (isDone(await copy(NO_ETAG))) return 'ignored'
  return isDone(await copy(header(put.headers, 'etag') ?? '')) ? 'kept' : 'refused'
}

async function checksumsOf(lab: Lab): Promise<Measured['checksums']> {
  const crc = crcText(crc32('right'))
  const name = lab.name('checksum')
  if ((await lab.put(name, 'wrong', { 'x-amz-checksum-crc32': crc })).status === 200) return 'none'
  if ((await lab.put(name, 'right', { 'x-amz-checksum-crc32': crc })).status !== 200) return 'none'
  const mode = { 'x-amz-checksum-mode': 'ENABLED' }
  if (header((await lab.get(name, mode)).headers, 'x-amz-checksum-crc32') !== crc) return 'none'
  const upload = lab.name('checksum-parts')
  const end = await ready(lab, upload, { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT' })
  const done = await end?.({ 'x-amz-checksum-crc32': crcText(crc32('part')), 'x-amz-checksum-type': 'FULL_OBJECT' }).catch(() => undefined)
  if (!isDone(done)) return 'single'
  return header((await lab.get(upload, mode)).headers, 'x-amz-checksum-crc32') === crcText(crc32('part')) ? 'full' : 'single'
}

async function versionsOf(lab: Lab): Promise<Measured['versions']> {
  const { status, text } = await lab.send({ method: 'GET', query: { versioning: '' } }).catch(() => ({ status: 403, text: '' }))
  if (status !== 200) return 'unknown'
  const state = textOf(text, 'Status')
  return state === 'Enabled' ? 'on' : state === 'Suspended' ? 'suspended' : 'off'
}

/** An upload with one part, ready to be completed. */
async function ready(
  lab: Lab,
  name: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<((conditions: Readonly<Record<string, string>>) => Promise<Outcome>) | undefined> {
  const begun = await lab.send({ method: 'POST', name, query: { uploads: '' }, headers })
  const uploadId = textOf(begun.text, 'UploadId')
  if (uploadId === undefined) return undefined
  lab.began(name, uploadId)
  const checksum = 'x-amz-checksum-algorithm' in headers ? crcText(crc32('part')) : undefined
  const part = await lab.send({
    method: 'PUT',
    name,
    query: { partNumber: '1', uploadId },
    headers: checksum === undefined ? {} : { 'x-amz-checksum-crc32': checksum },
    body: Buffer.from('part'),
  })
  const sum = checksum === undefined ? '' : `<ChecksumCRC32>${checksum}</ChecksumCRC32>`
  const etag = escape(header(part.headers, 'etag') ?? '')
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag>${sum}</Part></CompleteMultipartUpload>`
  return (conditions) => lab.send({ method: 'POST', name, query: { uploadId }, headers: conditions, body: Buffer.from(body) })
}

/** How many of the racers succeed. */
async function race(run: (racer: number) => Promise<Outcome>): Promise<number> {
  const outcomes = await Promise.all(Array.from({ length: RACERS }, (_, racer) => run(racer)))
  return outcomes.filter(({ status }) => status === 200).length
}

/** A completion or a copy may fail with status 200. */
function isDone(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && outcome.status < 300 && [...elements(outcome.text, 'Error')].length === 0
}
