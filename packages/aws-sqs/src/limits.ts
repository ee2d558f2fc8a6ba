// Amazon SQS quotas, https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (seen 2026-11).

/** The most bytes of one message, body and attributes, and of one batch of them together. */
export const MAX_MESSAGE_BYTES = 1_048_576
/** The most entries of one batch, and the most messages of one receive. */
export const MAX_BATCH = 10
/** The longest DelaySeconds, in seconds. */
export const MAX_DELAY_SECONDS = 900
/** The longest that a message can be hidden, in seconds, counted from its receive. */
export const MAX_VISIBILITY_SECONDS = 43_200
/** The longest wait of one receive, in seconds. */
export const MAX_WAIT_SECONDS = 20
/** A message is deleted in silence when it is so old, in milliseconds: the longest retention that a queue can have. */
export const MAX_RETENTION_MS = 14 * 86_400_000
/** The longest that a job with a key may wait, in milliseconds: it is never sent anew, and needs time to run before it is deleted. */
export const MAX_KEYED_AGE_MS = 12 * 86_400_000
/** What waits longer is sent anew at this age, in milliseconds, so that it is never deleted. */
export const RENEW_AGE_MS = 7 * 86_400_000
/** The largest payload of a job, in bytes: what the other homes take too, so that jobs stay movable between them. */
export const MAX_PAYLOAD_BYTES = 1_048_576
