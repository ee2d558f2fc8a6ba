import type { DeadReason } from './types.js'

/** What happens to jobs in this process; for logs, alerts and tests [Q38]. */
export type JobEvent =
  | { readonly type: 'enqueued'; readonly id: string; readonly name: string; readonly duplicate: boolean }
  | { readonly type: 'started'; readonly id: string; readonly name: string; readonly attempt: number }
  | { readonly type: 'done'; readonly id: string; readonly name: string; readonly attempt: number }
  | {
      readonly type: 'retried'
      readonly id: string
      readonly name: string
      readonly attempt: number
      readonly delayMs: number
      readonly errors: readonly string[]
    }
  /** Given back without an attempt: drain, pause or snooze. */
  | { readonly type: 'released'; readonly id: string; readonly name: string; readonly attempt: number; readonly delayMs: number }
  | {
      readonly type: 'dead'
      readonly id: string
      readonly name: string
      readonly attempt: number
      readonly reason: DeadReason
      readonly errors: readonly string[]
    }
  /** The lease was lost: what this worker did has no say any more; the job runs again elsewhere. */
  | { readonly type: 'lost'; readonly id: string; readonly name: string; readonly attempt: number }
