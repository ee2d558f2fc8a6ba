import { createHash } from 'node:crypto'
import type { S3Client } from './client/s3-client.js'
import { elements, escape, fitsXml, textOf } from './client/xml.js'
import { bareEtag, toTail } from './codec.js'
import { fail } from './errors.js'
import type { StoreItem, StorePage, StoreQuery } from './listing.js'
import { compareBytes } from './names.js'

/** One page of the store's listing, blobs and groups merged into the order of their names. */
export async function listNames(
  client: S3Client,
  { prefix, delimiter, startAfter, limit }: StoreQuery,
  signal: AbortSignal,
): Promise<StorePage> {
  const query = {
    'list-type': '2',
    'encoding-type': 'url',
    'max-keys': String(limit),
    ...(prefix === '' ? {} : { prefix }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(startAfter === undefined ? {} : { 'start-after': startAfter }),
  }
  const { xml } = await client.document({ method: 'GET', query, signal })
  const encoded = textOf(xml, 'EncodingType') === 'url'
  const name = (text: string | undefined): string => (encoded ? decodeURIComponent((text ?? '').replaceAll('+', ' ')) : (text ?? ''))
  const blobs: StoreItem[] = []
  for (const entry of elements(xml, 'Contents'))
    blobs.push({
      name: name(textOf(entry, 'Key')),
      sizeBytes: Number(textOf(entry, 'Size')),
      etag: bareEtag(textOf(entry, 'ETag') ?? ''),
      modifiedAt: new Date(textOf(entry, 'LastModified') ?? 0),
    })
  const groups: StoreItem[] = []
  for (const entry of elements(xml, 'CommonPrefixes')) groups.push({ name: name(textOf(entry, 'Prefix')), common: true })
  return { items: groups.length === 0 ? blobs : merged(blobs, groups), more: textOf(xml, 'IsTruncated') === 'true' }
}

/** What was kept of a cut name; undefined when the blob is gone. */
export async function tailOf(client: S3Client, name: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return toTail(await client.call({ method: 'HEAD', name, signal }))
  } catch (cause) {
    if (fail('list', cause).code === 'NOT_FOUND') return undefined
    throw cause
  }
}

/** Removes many names in one request; those that XML cannot hold one by one. One outcome a name, in order. */
export async function removeNames(
  client: S3Client,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly (Error | undefined)[]> {
  const listed = names.filter(fitsXml)
  const failed = new Map<string, Error>()
  if (listed.length > 0) {
    const body = Buffer.from(
      `<Delete><Quiet>true</Quiet>${listed.map((name) => `<Object><Key>${escape(name)}</Key></Object>`).join('')}</Delete>`,
    )
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64'), 'content-type': 'application/xml' }
    const { xml } = await client.document({ method: 'POST', query: { delete: '' }, headers, body, signal })
    for (const error of elements(xml, 'Error')) {
      const code = textOf(error, 'Code') ?? ''
      if (code === 'NoSuchKey') continue
      const cause = Object.assign(new Error(textOf(error, 'Message') ?? code), { refusal: code })
      failed.set(textOf(error, 'Key') ?? '', fail('deleteMany', cause))
    }
  }
  for (const name of names)
    if (!fitsXml(name))
      await client.call({ method: 'DELETE', name, signal }).catch((cause: unknown) => failed.set(name, fail('deleteMany', cause)))
  return names.map((name) => failed.get(name))
}

function merged(one: readonly StoreItem[], other: readonly StoreItem[]): StoreItem[] {
  return [...one, ...other].sort((a, b) => compareBytes(a.name, b.name))
}
