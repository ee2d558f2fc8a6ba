import { partitionOf, type Permission } from '@pdvend/ports'
import type { Settings } from './config.js'

/** What each operation of the driver needs; `sign` sends nothing, and whoever uses the URL has the rights of the key that signed. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  open: ['s3:ListBucket'],
  ping: ['s3:ListBucket'],
  list: ['s3:ListBucket'],
  get: ['s3:GetObject'],
  head: ['s3:GetObject'],
  put: ['s3:PutObject'],
  copy: ['s3:GetObject', 's3:PutObject'],
  delete: ['s3:DeleteObject'],
  deleteMany: ['s3:DeleteObject'],
}

/** The rights that {@link NEEDED} adds up to, and those to clean up. S3's ARNs name neither region nor account. */
export function permissionsOf(settings: Settings): readonly Permission[] {
  const { account } = settings
  const own = account === undefined ? {} : { conditions: { StringEquals: { 'aws:ResourceAccount': account } } }
  const of = (reason: string, actions: readonly string[], resource: string): Permission => ({
    reason,
    actions,
    resources: [resource],
    ...own,
  })
  const [bucket, objects] = [bucketArn(settings), `${bucketArn(settings)}/*`]
  return [
    of('find the bucket and list blobs', ['s3:ListBucket'], bucket),
    of('read write copy sign and delete blobs', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'], objects),
    ...(settings.sweepAfterMs === undefined ? [] : [of('find unfinished uploads at start', ['s3:ListBucketMultipartUploads'], bucket)]),
  ]
}

/** What to allow when S3 denied `operation`, e.g. `allow s3:GetObject on arn:aws:s3:::pdv-notas/* to these credentials`. */
export function toAllow(operation: string, settings: Settings): string {
  const actions = NEEDED[operation] ?? []
  const resource = actions.includes('s3:ListBucket') ? bucketArn(settings) : `${bucketArn(settings)}/*`
  const whose = settings.account === undefined ? '' : `; or the bucket is not of account ${settings.account}, as PDVEND_BLOB_ACCOUNT says`
  return `allow ${actions.join(' and ')} on ${resource} to these credentials${whose}`
}

function bucketArn({ region, bucket }: Settings): string {
  return `arn:${partitionOf(region)}:s3:::${bucket}`
}
