// AWS IoT Core quotas, https://docs.aws.amazon.com/general/latest/gr/iot-core.html (seen 2026-11).

/** The largest message. */
export const MAX_PAYLOAD_BYTES = 131_072
/** The longest keep-alive; less than 30 seconds count as 30. */
export const MAX_KEEPALIVE_SECONDS = 1_200
/** Topics that one connection may subscribe to. */
export const MAX_SUBSCRIPTIONS = 50
/** What goes out on one connection in a second, and ten at once: AWS takes 100, by a clock that is not ours. */
export const PUBLISHES_PER_SECOND = 85

/** A secret shorter than its hash could be guessed (RFC 7518, 3.2). */
export const LEAST_SECRET_BYTES = 32
