/** Largest message on the wire. AWS IoT's bound (128 KiB), kept on every profile so that what works here works there. */
export const MAX_PAYLOAD_BYTES = 131_072
