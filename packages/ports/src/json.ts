import { PortError, shapeOf } from './errors.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** JSON bytes of `value`. @throws INVALID_ARGUMENT for what JSON cannot hold: BigInt, a cycle, undefined, nesting too deep */
export function encodeJson(value: unknown, what: string): Uint8Array {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const why =
      cause instanceof RangeError ? 'it is nested too deep' : cause instanceof Error ? cause.message.split('\n')[0] : shapeOf(cause)
    throw new PortError('INVALID_ARGUMENT', { detail: `${what} does not fit in JSON: ${why}`, cause })
  }
  if (text === undefined) throw new PortError('INVALID_ARGUMENT', { detail: `${what} does not fit in JSON: got ${shapeOf(value)}` })
  return encoder.encode(text)
}

/** @throws INVALID_ARGUMENT when the bytes are not UTF-8 or not JSON; the message never shows them */
export function decodeJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new PortError('INVALID_ARGUMENT', { detail: `${what}: ${bytes.byteLength} bytes that are not JSON in UTF-8`, cause })
  }
}
