import { expect, test } from '@jest/globals'
import { manifest } from '../src/index.js'
import { settingsOf } from './open.js'

const rights = async (env: Readonly<Record<string, string>> = {}) =>
  manifest.permissions!(await settingsOf({ PDVEND_BLOB_BUCKET: 'pdv-notas', ...env }), { jobs: [] })

test('the rights of a bucket, on the bucket and on its objects', async () => {
  expect(await rights()).toEqual([
    { reason: 'find the bucket and list blobs', actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::pdv-notas'] },
    {
      reason: 'read write copy sign and delete blobs',
      actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
      resources: ['arn:aws:s3:::pdv-notas/*'],
    },
  ])
})

test('the sweep needs one more, an account bounds them all, and the region tells the partition', async () => {
  const all = await rights({ PDVEND_BLOB_SWEEP_AFTER_MS: '1000', PDVEND_BLOB_ACCOUNT: '123456789012', PDVEND_BLOB_REGION: 'cn-north-1' })
  expect(all).toHaveLength(3)
  expect(all[2]).toEqual({
    reason: 'find unfinished uploads at start',
    actions: ['s3:ListBucketMultipartUploads'],
    resources: ['arn:aws-cn:s3:::pdv-notas'],
    conditions: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
  })
  expect(all.every(({ conditions }) => conditions !== undefined)).toBe(true)
})
