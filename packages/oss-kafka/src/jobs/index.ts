import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/** Jobs in Kafka topics, one a job name; at least once, strictly in order by key. */
export const ossKafkaJobs = defineAdapter({
  port: 'jobs',
  name: 'oss-kafka',
  config,
  capabilities: { delay: true, fifo: true, dedupe: true, priority: true, lookup: false },
  open: async (settings, deps) => (await import('./driver.js')).openJobs(settings, deps),
  provision: async (settings, { jobs }, deps) => (await import('./provision.js')).planJobs(settings, jobs, deps),
})

export { ossKafkaJobs as manifest }
