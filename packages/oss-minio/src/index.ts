import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/**
 * Blobs in any S3-compatible store. What the store keeps of S3's promises is measured at `open`; the driver's capabilities are
 * what was found, at best these.
 */
export const ossMinio = defineAdapter({
  port: 'blob',
  name: 'oss-minio',
  config,
  capabilities: { conditionalWrites: true, conditionalDelete: true, conditionalCopy: true, signedUrls: true, signedPost: true },
  open: async (settings, deps) => (await import('./driver.js')).openOssMinio(settings, deps),
  provision: async (settings, _resources, deps) => (await import('./provision.js')).planOssMinio(settings, deps),
})

export { ossMinio as manifest }
