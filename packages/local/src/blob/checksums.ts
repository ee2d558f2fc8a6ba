import { crc32 } from 'node:zlib'

/** A body file is checked in blocks of so many bytes, so that a small range costs one block and no byte leaves unchecked. */
export const BLOCK_BYTES = 262_144

/** CRC-32 of one block: finds every flipped bit run of up to 32 bits, and any other damage but one in 4 billion. */
export function checksumOf(block: Uint8Array): number {
  return crc32(block)
}

/** The checksums of a body's blocks, four bytes each, as the index keeps them. */
export function encodeChecksums(checksums: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(checksums.length * 4)
  const view = new DataView(bytes.buffer)
  checksums.forEach((checksum, block) => view.setUint32(block * 4, checksum))
  return bytes
}

/** The checksum of block number `block`; undefined where the index has none. */
export function checksumAt(checksums: Uint8Array, block: number): number | undefined {
  if (checksums.byteLength < (block + 1) * 4) return undefined
  return new DataView(checksums.buffer, checksums.byteOffset, checksums.byteLength).getUint32(block * 4)
}
