import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'
import { permissionsOf } from './permissions.js'

/**
 * Jobs in Amazon SQS: a standard queue for those without a key, a FIFO queue for those with one, and a bucket for what SQS cannot
 * remember. Nothing is made at start: `pdvend provision` makes queues and bucket.
 */
export const awsSqs = defineAdapter({
  port: 'jobs',
  name: 'aws-sqs',
  config,
  capabilities: { delay: true, fifo: true, dedupe: true, priority: false, lookup: false },
  open: async (settings, deps) => (await import('./driver.js')).openSqs(settings, deps),
  permissions: permissionsOf,
  provision: async (settings, { jobs }, deps) => (await import('./provision.js')).planQueues(settings, jobs, deps),
})

export { awsSqs as manifest }
