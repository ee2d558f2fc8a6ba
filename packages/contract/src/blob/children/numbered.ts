/** A body whose every byte tells its number: a mix of two of them is no such body. */
export function numbered(number: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes).fill(number % 251)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

/** The number of a whole body; undefined for a mix. */
export function numberOf(bytes: Uint8Array): number | undefined {
  if (bytes.byteLength < 4) return undefined
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
  return Buffer.compare(bytes, numbered(number, bytes.byteLength)) === 0 ? number : undefined
}
