import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, PortError, type RetryPolicy } from '@pdvend/ports'

/** Tries while an engine is not ready, the first one included. */
const RETRY: RetryPolicy = { maxAttempts: 3, firstMs: 500, maxMs: 1_000 }
/** No try begins later after the first one, so that a wrong address is told soon. */
const PATIENCE_MS = 2_000

/**
 * Runs `attempt` again while it fails with a retryable UNAVAILABLE or RATE_LIMITED: three tries at most, none begun more than
 * 2,000 ms after the first one or after `end` (of `performance.now()`). `again` learns of each failure that is tried again.
 * @throws what the last try threw
 */
export async function whileUnready<T>(
  end: number,
  attempt: () => Promise<T>,
  again: (failure: { readonly error: PortError; readonly tries: number; readonly waitMs: number }) => void,
): Promise<T> {
  const last = Math.min(end, performance.now() + PATIENCE_MS)
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!PortError.is(error, 'UNAVAILABLE', 'RATE_LIMITED') || !error.retryable) throw error
      const waitMs = Math.max(Math.round(backoffMs(RETRY, tries)), error.retryAfterMs ?? 0)
      if (tries >= RETRY.maxAttempts || performance.now() + waitMs >= last) throw error.with({ attempts: tries })
      again({ error, tries, waitMs })
      await sleep(waitMs)
    }
  }
}
