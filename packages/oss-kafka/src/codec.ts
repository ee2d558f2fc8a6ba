/** The port's text as the engine's bytes. Pure: the part of an adapter that has unit tests. */
export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The engine's bytes as the port's text. @throws TypeError for what is not UTF-8 */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}
