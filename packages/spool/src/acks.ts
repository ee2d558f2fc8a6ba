import { crc32 } from 'node:zlib'

/** Acknowledged bytes of a segment, `start` to `end`. On disk: start u32 | end u32 | crc32 u32 of both, appended. */
export interface Run {
  readonly start: number
  end: number
}

const ENTRY = 12

export function encodeRuns(runs: readonly Run[]): Buffer {
  const bytes = Buffer.allocUnsafe(runs.length * ENTRY)
  runs.forEach(({ start, end }, index) => {
    const at = index * ENTRY
    bytes.writeUInt32LE(start, at)
    bytes.writeUInt32LE(end, at + 4)
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 8)), at + 8)
  })
  return bytes
}

/** Says which offsets are acknowledged; damaged or torn entries are passed over: their events are sent once more. */
export function decodeRuns(bytes: Buffer): (offset: number) => boolean {
  const runs: Run[] = []
  for (let at = 0; at + ENTRY <= bytes.length; at += ENTRY) {
    if (crc32(bytes.subarray(at, at + 8)) === bytes.readUInt32LE(at + 8))
      runs.push({ start: bytes.readUInt32LE(at), end: bytes.readUInt32LE(at + 4) })
  }
  runs.sort((a, b) => a.start - b.start)
  const merged: Run[] = []
  for (const run of runs) {
    const last = merged.at(-1)
    if (last !== undefined && run.start <= last.end) last.end = Math.max(last.end, run.end)
    else merged.push({ ...run })
  }
  return (offset) => {
    let low = 0
    let high = merged.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const { start, end } = merged[middle]!
      if (offset < start) high = middle - 1
      else if (offset >= end) low = middle + 1
      else return true
    }
    return false
  }
}
