import { randomUUID } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { BlobCapabilities, PortError } from '@pdvend/ports'
import { cancellable, type Store } from './client.js'
import { quoted } from './codec.js'
import type { ConditionsOnCopies } from './copies.js'
import { failed } from './errors.js'

/** Which conditions a store keeps. */
export interface Conditions {
  readonly capabilities: Pick<BlobCapabilities, 'conditionalWrites' | 'conditionalDelete' | 'conditionalCopy'>
  readonly onCopies: ConditionsOnCopies
  /** For `doctor`. */
  readonly summary: string
}

/** S3 keeps them all: on put since August 2024, on delete and on the target of a copy since autumn 2025. */
export const ofAmazon: Conditions = {
  capabilities: { conditionalWrites: true, conditionalDelete: true, conditionalCopy: true },
  onCopies: 'native',
  summary: 'all',
}

/** The etag of no object. */
const ABSENT = quoted('ffffffffffffffffffffffffffffffff')

/**
 * Measures what another store keeps, for many drop a condition that they do not know and answer with success. Each request must
 * fail with 412; one that succeeds, or fails in another way, has shown that its condition is not kept. Needs the permission to
 * write and delete below `pdvend-probe/`, and leaves nothing there.
 */
export async function probe(store: Store, signal: AbortSignal): Promise<Conditions> {
  const { client, bucket: Bucket } = store
  const object = { Bucket, Key: `pdvend-probe/${randomUUID()}` }
  const kept = async (attempt: () => Promise<unknown>): Promise<boolean> => {
    const error = await attempt().then(
      () => undefined,
      (cause: unknown) => failed('open', cause, object.Key),
    )
    if (error !== undefined && isOutage(error)) throw error
    return error?.code === 'PRECONDITION_FAILED'
  }
  const put = (condition: object) => client.send(cancellable(new PutObjectCommand({ ...object, Body: 'x', ...condition }), signal))
  const copy = (condition: object) =>
    client.send(
      cancellable(
        new CopyObjectCommand({ ...object, CopySource: `${Bucket}/${object.Key}`, MetadataDirective: 'REPLACE', ...condition }),
        signal,
      ),
    )
  const compose = async () => {
    const { UploadId } = await client.send(cancellable(new CreateMultipartUploadCommand(object), signal))
    try {
      const { ETag } = await client.send(cancellable(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: 'y' }), signal))
      const parts = { MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }
      await client.send(cancellable(new CompleteMultipartUploadCommand({ ...object, UploadId, ...parts, IfNoneMatch: '*' }), signal))
    } finally {
      await client.send(cancellable(new AbortMultipartUploadCommand({ ...object, UploadId }), signal)).catch(() => undefined)
    }
  }
  try {
    await put({})
  } catch (cause) {
    throw failed('open', cause, object.Key)
  }
  try {
    const writes = (await kept(() => put({ IfNoneMatch: '*' }))) && (await kept(() => put({ IfMatch: ABSENT }))) && (await kept(compose))
    const source = await kept(() => copy({ CopySourceIfMatch: ABSENT }))
    const target = await kept(() => copy({ IfNoneMatch: '*' }))
    const deletes = await kept(() => client.send(cancellable(new DeleteObjectCommand({ ...object, IfMatch: ABSENT }), signal)))
    const all = { writes, 'copy source': source, 'copy target': target, deletes }
    return {
      capabilities: { conditionalWrites: writes, conditionalDelete: deletes, conditionalCopy: source },
      onCopies: target ? 'native' : 'composed',
      summary: `kept: ${names(all, true)}; not: ${names(all, false)}`,
    }
  } finally {
    await client.send(cancellable(new DeleteObjectCommand(object), signal)).catch(() => undefined)
  }
}

/** Says nothing about conditions, but that the store cannot be used now. */
function isOutage({ code }: PortError): boolean {
  return code === 'UNAVAILABLE' || code === 'RATE_LIMITED' || code === 'CANCELED' || code === 'UNAUTHENTICATED'
}

function names(measured: Readonly<Record<string, boolean>>, value: boolean): string {
  const found = Object.keys(measured).filter((name) => measured[name] === value)
  return found.length === 0 ? 'none' : found.join(', ')
}
