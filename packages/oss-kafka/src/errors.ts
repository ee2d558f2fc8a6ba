import { errorTable } from '@pdvend/ports'

/** The engine's errors by code; what is not here becomes INTERNAL. */
export const fail = errorTable('oss-kafka', {
  ECONNREFUSED: { code: 'UNAVAILABLE', detail: 'nothing answers at PDVEND_JOBS_URL' },
  ETIMEDOUT: 'UNAVAILABLE',
})
