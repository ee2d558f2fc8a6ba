const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const RANDOM_BYTES = 8
/** Random bytes are asked for in bulk: one call to the system's source for 512 ids. */
const pool = new Uint8Array(512 * RANDOM_BYTES)
let used = pool.length

let lastMs = 0
let sequence = 0
let prefix = ''

/**
 * A UUID version 7 (RFC 9562 §5.7): unique, and sortable in the order of its making within a process, also when the
 * clock steps back. `nowMs` defaults to the machine's clock.
 */
export function newId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) startMs(nowMs)
  else if (++sequence > 0xfff) startMs(lastMs + 1)
  if (used === pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const at = used
  used += RANDOM_BYTES
  const variant = HEX[(pool[at]! & 0x3f) | 0x80]! + HEX[pool[at + 1]!]!
  const tail =
    HEX[pool[at + 2]!]! + HEX[pool[at + 3]!]! + HEX[pool[at + 4]!]! + HEX[pool[at + 5]!]! + HEX[pool[at + 6]!]! + HEX[pool[at + 7]!]!
  return `${prefix}${(sequence >> 8).toString(16)}${HEX[sequence & 0xff]!}-${variant}-${tail}`
}

function startMs(ms: number): void {
  lastMs = ms
  sequence = 0
  const time = Math.floor(ms).toString(16).padStart(12, '0')
  prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`
}
