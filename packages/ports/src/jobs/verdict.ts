import { invalid } from '../errors.js'

/** How a handler may end a job other than by returning or failing. */
export type Verdict =
  | { readonly kind: 'discard'; readonly reason: string }
  | { readonly kind: 'retryAfter'; readonly delayMs: number }
  | { readonly kind: 'snooze'; readonly delayMs: number }

const BRAND = Symbol.for('pdvend.JobVerdict')

/** Thrown by a handler to say what becomes of its job; made by {@link discard}, {@link retryAfter} and {@link snooze}. */
export class JobVerdict extends Error {
  override readonly name = 'JobVerdict'
  readonly verdict: Verdict

  constructor(verdict: Verdict, cause?: unknown) {
    super(
      verdict.kind === 'discard' ? verdict.reason : `${verdict.kind} ${verdict.delayMs} ms`,
      cause === undefined ? undefined : { cause },
    )
    this.verdict = verdict
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** True for a verdict of any loaded copy of this package. */
  static is(error: unknown): error is JobVerdict {
    return typeof error === 'object' && error !== null && BRAND in error
  }
}

/** `throw discard('sale was cancelled')`: to the dead letters at once, without another attempt [Q25]. `cause` joins the chain. */
export function discard(reason: string, cause?: unknown): JobVerdict {
  return new JobVerdict({ kind: 'discard', reason: String(reason) }, cause)
}

/**
 * `throw retryAfter(90_000)`: again after exactly so many milliseconds instead of the backoff; costs an attempt [Q26].
 * Any length, also beyond what the engine can delay by itself.
 */
export function retryAfter(ms: number, cause?: unknown): JobVerdict {
  return new JobVerdict({ kind: 'retryAfter', delayMs: checkedDelayMs('retryAfter', ms) }, cause)
}

/** `throw snooze(60_000)`: again after so many milliseconds; costs no attempt [Q27]. */
export function snooze(ms: number): JobVerdict {
  return new JobVerdict({ kind: 'snooze', delayMs: checkedDelayMs('snooze', ms) })
}

/** Longest delay in milliseconds: ten years. */
export const MAX_DELAY_MS = 10 * 365 * 86_400_000

/** @throws INVALID_ARGUMENT unless `ms` is a finite number of 0 to {@link MAX_DELAY_MS} */
export function checkedDelayMs(field: string, ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0 && ms <= MAX_DELAY_MS) return ms
  throw invalid(field, ms, `give milliseconds from 0 to ${MAX_DELAY_MS} (ten years)`)
}
