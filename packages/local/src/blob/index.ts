import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/**
 * Blobs as files under `PDVEND_LOCAL_DIR/blob` with a transactional index beside them. Durable when a call has resolved;
 * several processes of one machine may use a directory at once. Signed URLs need the handler of
 * `@pdvend/local/blob-handler`, mounted where `PDVEND_BLOB_URL` points.
 */
export const localBlob = defineAdapter({
  port: 'blob',
  name: 'local-blob',
  config,
  capabilities: { conditionalWrites: true, conditionalDelete: true, conditionalCopy: true, signedUrls: true, signedPost: true },
  open: async (settings, deps) => (await import('./driver.js')).openLocalBlob(settings, deps),
})

export { localBlob as manifest }
