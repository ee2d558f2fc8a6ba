import { ShareError, type ShareErrorCode } from '@pdvend/kafka-share-consumer'
import { PortError, type PortErrorCode } from '@pdvend/ports'
import { ADAPTER, fail } from '../errors.js'

/** The share consumer's words in the port's. `OUTCOME_UNKNOWN`: it may have been applied. */
const CODES: Readonly<Record<ShareErrorCode, PortErrorCode>> = {
  LOCK_LOST: 'LEASE_LOST',
  ALREADY_SETTLED: 'LEASE_LOST',
  OUTCOME_UNKNOWN: 'UNAVAILABLE',
  UNAVAILABLE: 'UNAVAILABLE',
  REFUSED: 'PERMISSION_DENIED',
  UNSUPPORTED: 'UNSUPPORTED',
  UNREADABLE: 'INTEGRITY_FAILED',
  CLOSED: 'CLOSED',
}

/** The driver's error table, and what only the share consumer says. */
export function shareFailure(operation: string, cause: unknown, target?: string): PortError {
  if (!(cause instanceof ShareError)) return fail(operation, cause, target)
  // What the client itself said beneath it tells more, such as a refused password.
  if (cause.cause instanceof Error && cause.code === 'UNAVAILABLE') return fail(operation, cause.cause, target)
  const outcome = cause.code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'not-applied'
  return new PortError(CODES[cause.code], {
    ...{ adapter: ADAPTER, operation, cause, detail: cause.message, outcome },
    ...(target === undefined ? {} : { target }),
  })
}
