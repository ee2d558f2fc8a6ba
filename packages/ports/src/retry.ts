import type { PortError } from './errors.js'

/** When a failed try is made again: exponential with full jitter, `random(0, min(maxMs, firstMs * 2^n))`. */
export interface RetryPolicy {
  /** Tries in all, the first one included. 1 = never again. */
  readonly maxAttempts: number
  readonly firstMs: number
  readonly maxMs: number
}

export const defaultRetry: RetryPolicy = { maxAttempts: 4, firstMs: 100, maxMs: 5_000 }

/** How long to wait before try `attempt + 1`, when try `attempt` (1 = the first) has failed. */
export function backoffMs({ firstMs, maxMs }: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 40))
}

/**
 * A bucket that all calls of one port share, so that retries cannot multiply the load on an engine that is down: each
 * success pays a little in, each retry takes one out, an empty bucket means no retry.
 */
export class RetryBudget {
  #tokens: number

  /** `capacity` retries at once; every success earns `perSuccess` of one. */
  constructor(
    readonly capacity = 100,
    readonly perSuccess = 0.1,
  ) {
    this.#tokens = capacity
  }

  succeeded(): void {
    this.#tokens = Math.min(this.capacity, this.#tokens + this.perSuccess)
  }

  /** Takes one retry; false when none is left. */
  take(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

/**
 * What a repeated try could do: `safe` = the same effect twice is the effect once, so an unknown outcome may be tried
 * again; `guarded` = only what was surely not applied; `never` = one try (the source can be read only once).
 */
export type Repeat = 'safe' | 'guarded' | 'never'

/** Is it right to try again after `error`? */
export function mayRetry(error: PortError, repeat: Repeat): boolean {
  return error.retryable && repeat !== 'never' && (repeat === 'safe' || error.outcome === 'not-applied')
}
