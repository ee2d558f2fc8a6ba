import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'
import { permissionsOf } from './permissions.js'

/**
 * Blobs in a bucket of Amazon S3, or of a store that speaks its protocol well. Nothing is made at start: `pdvend provision` makes
 * the bucket. Where `PDVEND_BLOB_ENDPOINT` names another store, what it keeps of the conditions is measured when it is opened.
 */
export const awsS3 = defineAdapter({
  port: 'blob',
  name: 'aws-s3',
  config,
  capabilities: { conditionalWrites: true, conditionalDelete: true, conditionalCopy: true, signedUrls: true, signedPost: true },
  open: async (settings, deps) => (await import('./driver.js')).openAwsS3(settings, deps),
  provision: async (settings, _resources, deps) => (await import('./provision.js')).planBucket(settings, deps),
  permissions: permissionsOf,
})

export { awsS3 as manifest }
