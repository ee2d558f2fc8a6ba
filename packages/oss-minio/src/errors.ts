import { errorTable } from '@pdvend/ports'

/** The engine's errors by code; what is not here becomes INTERNAL. */
export const fail = errorTable('oss-minio', {
  ECONNREFUSED: { code: 'UNAVAILABLE', detail: 'nothing answers at PDVEND_BLOB_URL' },
  ETIMEDOUT: 'UNAVAILABLE',
})
