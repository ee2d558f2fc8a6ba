import { createRequire } from 'node:module'

/** What is used of kafkajs's own `RequestQueue` (2.2.4, its last release), one a connection. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

/** As in kafkajs. */
const LOOK_MS = 10

/**
 * Looks after waiting requests only where there are any. kafkajs 2.2.4 sets its timer after every answer, for a time that is long
 * past: each connection then wakes the process a thousand times a second for ever, also after it was closed, so that the
 * process cannot end, and Node.js 24 warns of a negative time (tulios/kafkajs#1751; the mend of PR #1755, never merged).
 */
function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    Math.max(LOOK_MS, this.throttledUntil - Date.now()),
  )
}

/** Mends it for every connection of this process; the same again changes nothing. */
export function restIdleConnections(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as { prototype: object }
  Object.assign(prototype, { scheduleCheckPendingRequests })
}
