import type { JobRetry } from '../define.js'
import { causeChain, PortError } from '../errors.js'
import { backoffMs } from '../retry.js'
import type { Lease, Settlement } from './driver.js'
import { redact } from './redact.js'
import { JobVerdict } from './verdict.js'

/** When a definition says nothing: 8 attempts, waits of up to 1 s that double up to 60 s. */
const defaultJobRetry = { maxAttempts: 8, firstMs: 1_000, maxMs: 60_000 } as const satisfies JobRetry

/** So many starts that ended without a settle make a job `poison` [Q31]. */
export const MAX_CRASHES = 3

/** Why a handler's signal was aborted. */
export type AbortKind = 'timeout' | 'lease' | 'drain'

/** How a handler's run ended. `ignored`: its signal aborted and it did not end within the grace. */
export type Ending = { readonly kind: 'returned' } | { readonly kind: 'threw'; readonly error: unknown } | { readonly kind: 'ignored' }

export interface Decision {
  readonly lease: Lease
  readonly ending: Ending
  /** The first abort of its signal, and the reason it was given. */
  readonly aborted?: { readonly kind: AbortKind; readonly reason: PortError }
  readonly retry?: JobRetry | undefined
  readonly random: () => number
  /** On top of the built-in redaction. */
  readonly redact?: ((line: string) => string) | undefined
}

/**
 * What becomes of a job. undefined: nothing to say, the lease is lost. A run whose signal has aborted is never `done`,
 * because a handler may return early for it; so work is repeated rather than lost.
 */
export function decide(decision: Decision): Settlement | undefined {
  const { ending, aborted } = decision
  if (aborted?.kind === 'lease') return undefined
  if (ending.kind === 'threw' && JobVerdict.is(ending.error)) return byVerdict(ending.error, decision)
  if (aborted?.kind === 'drain') return { kind: 'release', delayMs: 0 }
  if (aborted?.kind === 'timeout') return failed(aborted.reason, decision)
  return ending.kind === 'threw' ? failed(ending.error, decision) : { kind: 'done' }
}

const LEFT_OUT = "[left out: the app's redact threw]"

/** The cause chain as it is stored: outermost first, redacted, each line bounded [Q29]. A line on which `more` throws is left out. */
export function storedErrors(error: unknown, more: (line: string) => string = (line) => line): readonly string[] {
  return causeChain(error).map((line) => {
    try {
      return redact(more(line))
    } catch {
      return LEFT_OUT
    }
  })
}

function byVerdict(thrown: JobVerdict, decision: Decision): Settlement {
  const { verdict } = thrown
  if (verdict.kind === 'snooze') return { kind: 'release', delayMs: verdict.delayMs }
  const errors = storedErrors(thrown, decision.redact)
  if (verdict.kind === 'discard') return { kind: 'dead', reason: 'discarded', errors }
  return used(decision) ? { kind: 'dead', reason: 'exhausted', errors } : { kind: 'retry', delayMs: verdict.delayMs, errors }
}

function failed(error: unknown, decision: Decision): Settlement {
  const errors = storedErrors(error, decision.redact)
  if (used(decision)) return { kind: 'dead', reason: 'exhausted', errors }
  const policy = { ...defaultJobRetry, ...decision.retry }
  const asked = PortError.is(error) ? (error.retryAfterMs ?? 0) : 0
  return { kind: 'retry', delayMs: Math.max(asked, backoffMs(policy, decision.lease.attempt, decision.random)), errors }
}

function used({ lease, retry }: Decision): boolean {
  return lease.attempt >= (retry?.maxAttempts ?? defaultJobRetry.maxAttempts)
}
