// Amazon Data Firehose quotas, https://docs.aws.amazon.com/firehose/latest/dev/limits.html (seen 2026-11).

/** The most records of one PutRecordBatch. */
export const MAX_RECORDS = 500
/** The most bytes of one PutRecordBatch, records together. */
export const MAX_CALL_BYTES = 4 * 1_048_576
/** The largest record, before it is encoded for the wire. */
export const MAX_RECORD_BYTES = 1_000 * 1_024
/** What is ingested is billed in steps of so many bytes a record, https://aws.amazon.com/firehose/pricing (seen 2026-11). */
export const BILLED_STEP_BYTES = 5_000
