import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/** The manifest: it loads no vendor module. Set a capability to true once its clauses pass. */
export const ossKafka = defineAdapter({
  port: 'jobs',
  name: 'oss-kafka',
  config,
  capabilities: { delay: false, fifo: false, dedupe: false, priority: false, lookup: false },
  open: async (settings, deps) => (await import('./driver.js')).openOssKafka(settings, deps),
})

export { ossKafka as manifest }
