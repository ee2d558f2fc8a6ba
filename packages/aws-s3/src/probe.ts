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
import type { BlobCapabilities, PortError, SignedUrl } from '@pdvend/ports'
import { cancellable, COPY_SOURCE, type SignedPut, type Store } from './client.js'
import { quoted } from './codec.js'
import type { ConditionsOnCopies } from './copies.js'
import { failed } from './errors.js'

/** What a store keeps of the conditions, and how its signed URLs can be trusted. */
export interface StoreTraits {
  readonly capabilities: BlobCapabilities
  readonly onCopies: ConditionsOnCopies
  readonly signedPut: SignedPut
  /** For `doctor`. */
  readonly summary: string
}

/** S3 keeps them all: on put since August 2024, on delete and on the target of a copy since autumn 2025. */
export const ofAmazon: StoreTraits = {
  capabilities: { conditionalWrites: true, conditionalDelete: true, conditionalCopy: true, signedUrls: true, signedPost: true },
  onCopies: 'native',
  signedPut: 'plain',
  summary: 'all',
}

/** The etag of no object. */
const ABSENT = quoted('ffffffffffffffffffffffffffffffff')

/**
 * Measures what another store keeps, for many drop a condition that they do not know and answer with success. Each request must
 * fail with 412; one that succeeds, or fails in another way, has shown that its condition is not kept. Needs the permission to
 * read, write and delete below `pdvend-probe/`, and leaves nothing there. The attack on signed URLs of B115 is tried, too.
 */
export async function probe(store: Store, sign: SignPut, signal: AbortSignal): Promise<StoreTraits> {
  const { client, bucket: Bucket } = store
  const object = { Bucket, Key: `pdvend-probe/${randomUUID()}` }
  const target = { Bucket, Key: `${object.Key}-copied` }
  const kept = async (operation: string, attempt: () => Promise<unknown>): Promise<boolean> => {
    const error = await attempt().then(
      () => undefined,
      (cause: unknown) => failed(operation, cause, object.Key),
    )
    if (error !== undefined && saysNothing(error)) throw error
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
    throw failed('put', cause, object.Key)
  }
  try {
    const writes =
      (await kept('put', () => put({ IfNoneMatch: '*' }))) &&
      (await kept('put', () => put({ IfMatch: ABSENT }))) &&
      (await kept('put', compose))
    const source = await kept('copy', () => copy({ CopySourceIfMatch: ABSENT }))
    const onTarget = await kept('copy', () => copy({ IfNoneMatch: '*' }))
    const signedPut = await probeSignedPut(sign, target.Key, `/${Bucket}/${object.Key}`, signal)
    // Last: a store that drops the condition deletes the object.
    const deletes = await kept('delete', () => client.send(cancellable(new DeleteObjectCommand({ ...object, IfMatch: ABSENT }), signal)))
    const all = { writes, 'copy source': source, 'copy target': onTarget, deletes }
    return {
      capabilities: {
        conditionalWrites: writes,
        conditionalDelete: deletes,
        conditionalCopy: source,
        signedUrls: signedPut !== 'unsafe',
        signedPost: true,
      },
      onCopies: onTarget ? 'native' : 'composed',
      signedPut,
      summary: `kept: ${names(all, true)}; not: ${names(all, false)}`,
    }
  } finally {
    for (const mine of [object, target]) await client.send(cancellable(new DeleteObjectCommand(mine), signal)).catch(() => undefined)
  }
}

/** Signs a PUT of a name, under the endpoint of the app. */
export type SignPut = (name: string, signedPut: SignedPut) => Promise<SignedUrl>

/** The attack itself, on the probe's own objects. */
async function probeSignedPut(sign: SignPut, name: string, source: string, signal: AbortSignal): Promise<SignedPut> {
  const succeeds = async (signedPut: SignedPut, more: Readonly<Record<string, string>>): Promise<boolean> => {
    const { url, headers } = await sign(name, signedPut)
    const answer = await fetch(url, {
      method: 'PUT',
      headers: { ...headers, ...more },
      body: more[COPY_SOURCE] === undefined ? 'x' : '',
      signal,
    })
    await answer.body?.cancel()
    return answer.ok
  }
  const attack = { [COPY_SOURCE]: source }
  try {
    if (!(await succeeds('plain', attack))) return 'plain'
    return !(await succeeds('guarded', attack)) && (await succeeds('guarded', {})) ? 'guarded' : 'unsafe'
  } catch (cause) {
    throw failed('open', (cause as Error).cause ?? cause, name)
  }
}

/** Of conditions, but that the store cannot be used now, or not by these credentials. */
function saysNothing({ code }: PortError): boolean {
  return ['UNAVAILABLE', 'RATE_LIMITED', 'CANCELED', 'UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(code)
}

function names(measured: Readonly<Record<string, boolean>>, value: boolean): string {
  const found = Object.keys(measured).filter((name) => measured[name] === value)
  return found.length === 0 ? 'none' : found.join(', ')
}
