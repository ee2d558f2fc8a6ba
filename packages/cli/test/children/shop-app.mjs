// An app with engines of its own: queues are folders that have to be made beforehand.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { defineAdapter, defineJob } from '@pdvend/ports'

const anything = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
const { directory } = local.jobs.config

const queues = defineAdapter({
  ...local.jobs,
  name: 'folders',
  config: { directory },
  async provision(settings, { jobs }) {
    const steps = jobs.map(({ name, keyed }) => ({
      kind: 'folder',
      name,
      change: name === 'job.stuck' ? 'refuse' : existsSync(join(settings.directory, name)) ? 'keep' : 'create',
      detail: keyed ? 'in order' : 'in any order',
    }))
    return {
      steps,
      apply: async () => steps.forEach(({ name }) => mkdirSync(join(settings.directory, name), { recursive: true })),
      close: async () => {},
    }
  },
  permissions: (_settings, { jobs }) => [
    {
      reason: 'work the queues',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
      resources: jobs.map(({ name }) => `arn:aws:sqs:*:*:${name}`),
    },
    {
      reason: 'keep large payloads',
      actions: ['s3:PutObject'],
      resources: ['arn:aws:s3:::pdv-jobs/*'],
      conditions: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
    },
  ],
})

export { queues as manifest }
export const app = defineApp({
  profiles: { local: { ...local, jobs: queues } },
  jobs: [defineJob('receipt.issue', { input: anything, key: ({ saleId }) => saleId }), defineJob('catalogue.import', { input: anything })],
})
