import { type BlobInfo, type DriverCopy, PortError } from '@pdvend/ports'
import type { S3Client, S3Request } from './client/s3-client.js'
import { S3Error } from './client/s3-error.js'
import { encodeName } from './client/signature.js'
import { textOf } from './client/xml.js'
import { bareEtag, header, toAttributes, toHeaders, toInfo, toTail } from './codec.js'
import type { Janitor } from './janitor.js'
import { copyParts, type Uploaded } from './multipart.js'
import type { StoredName } from './names.js'

/** The largest body that S3 copies in one request; above it, and under a condition, it is copied in parts. */
const MAX_COPY_BYTES = 5 * 1_024 ** 3

/** Parts of a copy, in bytes: at most 5 TiB / 10,000 must fit. */
const COPY_PART_BYTES = 1_024 ** 3

/** How often the source may be replaced between our look and the copy before we give up. */
const MAX_LOOKS = 5

export interface CopyTools {
  readonly client: S3Client
  readonly janitor: Janitor
  /** Headers of a write that may take place under the condition alone. */
  readonly conditions: Readonly<Record<string, string>>
}

/**
 * Copies the very version that it has looked at. Stores ignore conditions on the target of a copy in silence, so a conditional
 * copy is a multipart upload whose parts are copied and whose end carries the condition.
 */
export async function copyBlob(
  tools: CopyTools,
  from: StoredName,
  to: { readonly key: string } & StoredName,
  options: DriverCopy,
): Promise<BlobInfo> {
  for (let looks = 1; ; looks++) {
    const source = await look(tools.client, from, options)
    const etag = bareEtag(header(source.headers, 'etag') ?? '')
    if (options.sourceEtag !== undefined && options.sourceEtag !== etag)
      throw new PortError('PRECONDITION_FAILED', { detail: 'the source is another version' })
    try {
      return await copyVersion(tools, { ...from, ...source, etag }, to, options)
    } catch (error) {
      // Without a version asked for, a source that was replaced meanwhile is looked at again.
      const replaced = error instanceof SourceReplaced
      if (!replaced || options.sourceEtag !== undefined || looks >= MAX_LOOKS) throw replaced ? error.cause : error
    }
  }
}

interface Source extends StoredName {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly sizeBytes: number
  readonly etag: string
}

async function look(client: S3Client, { name }: StoredName, { signal }: DriverCopy): Promise<Pick<Source, 'headers' | 'sizeBytes'>> {
  const headers = await client.call({ method: 'HEAD', name, signal })
  return { headers, sizeBytes: Number(header(headers, 'content-length')) }
}

async function copyVersion(
  tools: CopyTools,
  source: Source,
  to: { readonly key: string } & StoredName,
  options: DriverCopy,
): Promise<BlobInfo> {
  const { client, conditions } = tools
  const attributes = options.attributes ?? toAttributes(source.headers)
  const location = `/${client.bucket}/${encodeName(source.name)}`
  const info = ({ etag, modifiedAt }: { etag: string; modifiedAt: Date }): BlobInfo => ({
    ...toInfo(to.key, {}, source.sizeBytes),
    ...attributes,
    etag,
    modifiedAt,
  })
  const inParts = Object.keys(conditions).length > 0 || source.sizeBytes > MAX_COPY_BYTES
  if (inParts) {
    const headers = toHeaders(attributes, to.tail)
    const { etag } =
      source.sizeBytes === 0
        ? await putEmpty(tools, to.name, headers, options)
        : await copyInParts(tools, source, location, to.name, headers, options)
    return info({ etag, modifiedAt: new Date() })
  }
  // The tail of a cut name belongs to the name, so it cannot be taken over from the source.
  const keeps = options.attributes === undefined && to.tail === undefined && toTail(source.headers) === undefined
  const request: S3Request = {
    method: 'PUT',
    name: to.name,
    headers: {
      'x-amz-copy-source': location,
      'x-amz-copy-source-if-match': `"${source.etag}"`,
      ...(keeps ? {} : { 'x-amz-metadata-directive': 'REPLACE', ...toHeaders(attributes, to.tail) }),
    },
    signal: options.signal,
  }
  const { xml } = await client.document(request).catch((error: unknown) => {
    throw sourceReplaced(error)
  })
  return info({ etag: bareEtag(textOf(xml, 'ETag') ?? ''), modifiedAt: new Date(textOf(xml, 'LastModified') ?? Date.now()) })
}

async function copyInParts(
  { client, janitor, conditions }: CopyTools,
  source: Source,
  location: string,
  name: string,
  headers: Readonly<Record<string, string>>,
  { signal }: DriverCopy,
): Promise<Uploaded> {
  const target = { client, janitor, name, headers, conditions, checksums: 'none', signal, atOnce: 1 } as const
  const copied = await copyParts(target, location, source.etag, source.sizeBytes, COPY_PART_BYTES).catch((error: unknown) => {
    throw Object.keys(conditions).length > 0 ? error : sourceReplaced(error)
  })
  return copied
}

/** No part can be copied from an empty blob. */
async function putEmpty(
  { client, conditions }: CopyTools,
  name: string,
  headers: Readonly<Record<string, string>>,
  { signal }: DriverCopy,
): Promise<{ etag: string }> {
  const answer = await client.call({ method: 'PUT', name, headers: { ...headers, ...conditions }, signal })
  return { etag: bareEtag(header(answer, 'etag') ?? '') }
}

class SourceReplaced extends Error {
  override readonly name = 'SourceReplaced'
}

function sourceReplaced(error: unknown): unknown {
  return error instanceof S3Error && error.status === 412 ? new SourceReplaced('the source was replaced', { cause: error }) : error
}
