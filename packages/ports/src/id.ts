let lastMs = 0
let sequence = 0

/**
 * A UUID version 7 (RFC 9562 §5.7): unique, and sortable in the order of its making within a process, also when the
 * clock steps back. `nowMs` defaults to the machine's clock.
 */
export function newId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xfff) {
    lastMs += 1
    sequence = 0
  }
  const random = crypto.getRandomValues(new Uint8Array(8))
  random[0] = (random[0]! & 0x3f) | 0x80
  const time = Math.floor(lastMs).toString(16).padStart(12, '0')
  const tail = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const head = `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}`
  return `${head}-${tail.slice(0, 4)}-${tail.slice(4)}`
}
