import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/** The manifest: it loads no vendor module. Set a capability to true once its clauses pass. */
export const ossMinio = defineAdapter({
  port: 'blob',
  name: 'oss-minio',
  config,
  capabilities: { conditionalWrites: false, conditionalDelete: false, conditionalCopy: false, signedUrls: false, signedPost: false },
  open: async (settings, deps) => (await import('./driver.js')).openOssMinio(settings, deps),
})

export { ossMinio as manifest }
