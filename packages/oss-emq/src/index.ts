import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/** The manifest: it loads no vendor module. Set a capability to true once its clauses pass. */
export const ossEmq = defineAdapter({
  port: 'push',
  name: 'oss-emq',
  config,
  capabilities: { journal: false, presence: false, request: false, receipts: false, credentials: false },
  open: async (settings, deps) => (await import('./driver.js')).openOssEmq(settings, deps),
})

export { ossEmq as manifest }
