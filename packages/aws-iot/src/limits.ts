// AWS IoT Core quotas, https://docs.aws.amazon.com/general/latest/gr/iot-core.html (seen 2026-11).

/** The largest message. */
export const MAX_PAYLOAD_BYTES = 131_072
/** The longest topic, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256
/** The longest keep-alive; less than 30 seconds count as 30. */
export const MAX_KEEPALIVE_SECONDS = 1_200
/** What one connection may publish in a second. */
export const PUBLISHES_PER_SECOND = 100
/** Bounds of how long a custom authorizer lets a device stay connected. */
export const LEAST_SESSION_SECONDS = 300
export const MOST_SESSION_SECONDS = 86_400
/** What a custom authorizer may answer: so many policies of so many characters each. */
export const MAX_POLICIES = 10
export const MAX_POLICY_CHARACTERS = 2_048
/** A secret shorter than its hash could be guessed (RFC 7518, 3.2). */
export const LEAST_SECRET_BYTES = 32
