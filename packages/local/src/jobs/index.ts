import { defineAdapter } from '@pdvend/ports'
import { directory } from '../directory.js'

/** Jobs in one SQLite file, `jobs.db`: durable, shared by all processes of the machine that name the same directory. */
export const localJobs = defineAdapter({
  port: 'jobs',
  name: 'local-jobs',
  config: { directory },
  capabilities: { delay: true, fifo: true, dedupe: true, priority: true, lookup: true },
  open: async (settings, deps) => (await import('./driver.js')).openLocalJobs(settings, deps),
})

export { localJobs as manifest }
