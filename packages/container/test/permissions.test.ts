import { expect, test } from '@jest/globals'
import { defineJob, type ProvisionResources } from '@pdvend/ports'
import { z } from 'zod'
import { defineApp } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { type Journal, testProfile } from './test-adapters.js'

useOwnDirectory()

const issueReceipt = defineJob('receipt.issue', { input: z.object({ saleId: z.string() }), key: ({ saleId }) => saleId })

function profileWithRights(journal: Journal) {
  const profile = testProfile(journal)
  const blobRights = ({ bucket }: { readonly bucket: string }) => [
    { reason: 'list blobs', actions: ['s3:ListBucket'], resources: [`arn:aws:s3:::${bucket}`] },
  ]
  const jobRights = (_settings: unknown, { jobs }: ProvisionResources) =>
    jobs.map(({ name, keyed }) => ({
      reason: `work ${name}`,
      actions: ['sqs:ReceiveMessage'],
      resources: [`arn:aws:sqs:*:*:${name}${keyed ? '.fifo' : ''}`],
    }))
  return { ...profile, blob: { ...profile.blob, permissions: blobRights }, jobs: { ...profile.jobs, permissions: jobRights } }
}

test('says what each adapter needs for its settings and for all jobs, and opens nothing', async () => {
  const journal: Journal = []
  const app = defineApp({ profiles: { local: profileWithRights(journal) }, jobs: [issueReceipt] })
  expect(await app.permissions({ PDVEND_BLOB_BUCKET: 'pdv-notas' }, { jobs: [{ name: 'pdvend.doctor' }] })).toEqual([
    { port: 'telemetry', adapter: 'test-telemetry', permissions: undefined },
    {
      port: 'blob',
      adapter: 'test-blob',
      permissions: [{ reason: 'list blobs', actions: ['s3:ListBucket'], resources: ['arn:aws:s3:::pdv-notas'] }],
    },
    {
      port: 'jobs',
      adapter: 'test-jobs',
      permissions: [
        { reason: 'work pdvend.doctor', actions: ['sqs:ReceiveMessage'], resources: ['arn:aws:sqs:*:*:pdvend.doctor'] },
        { reason: 'work receipt.issue', actions: ['sqs:ReceiveMessage'], resources: ['arn:aws:sqs:*:*:receipt.issue.fifo'] },
      ],
    },
    { port: 'push', adapter: 'test-push', permissions: undefined },
  ])
  expect(journal).toEqual([])
})

test('of some ports alone; what the environment has wrong is told', async () => {
  const app = defineApp({ profiles: { local: profileWithRights([]) } })
  expect((await app.permissions({}, { only: ['blob'] })).map(({ port }) => port)).toEqual(['blob'])
  await expect(app.permissions({ PDVEND_BLOB_BUCKET: '' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(app.permissions({}, { only: ['mail' as never] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
