/**
 * - `LOCK_LOST`: the lock on the record is gone (it ran out, the connection to its broker broke, or the partition has a new
 *   leader); nothing was applied, the record comes again.
 * - `OUTCOME_UNKNOWN`: the acknowledgement was sent and its answer lost; it was applied, or the record comes again.
 * - `ALREADY_SETTLED`: this record was accepted, released or rejected before.
 * - `REFUSED`: the brokers refuse, and waiting does not help: the message says what to mend.
 * - `UNSUPPORTED`: the brokers or the settings of the cluster lack share groups, or renewal.
 * - `UNAVAILABLE`: no broker could be reached, or the group's coordinator did not answer in time.
 * - `UNREADABLE`: records were acquired that cannot be read (unknown compression, damaged bytes); they were released.
 * - `CLOSED`: the consumer is closed.
 */
export type ShareErrorCode =
  'LOCK_LOST' | 'OUTCOME_UNKNOWN' | 'ALREADY_SETTLED' | 'REFUSED' | 'UNSUPPORTED' | 'UNAVAILABLE' | 'UNREADABLE' | 'CLOSED'

/** The one error that this package throws. */
export class ShareError extends Error {
  override readonly name = 'ShareError'
  readonly code: ShareErrorCode

  constructor(code: ShareErrorCode, message: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
