import type { JobDefinition, JobRetry } from '../define.js'
import type { OutputOf, StandardSchema } from '../schema.js'

/** What a handler knows about the job that it runs. */
export interface JobContext {
  readonly id: string
  readonly name: string
  /** 1 for the first [Q23]. Grows by failures, never by a drain, a snooze or a worker's death. */
  readonly attempt: number
  readonly key?: string
  readonly enqueuedAt: Date
  /** What the caller gave at enqueue, the same at each attempt [Q28]. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Aborts with a PortError as its reason [Q22]: DEADLINE_EXCEEDED when `timeoutMs` is over, LEASE_LOST when another
   * worker may have the job, CANCELED when the worker drains. After it a return no longer counts as done: the job runs again.
   */
  readonly signal: AbortSignal
  /** When the signal aborts for time; `extend` moves it. */
  readonly deadline: Date
  /** Moves the deadline to `ms` milliseconds from now and renews the lease. @throws LEASE_LOST */
  extend(ms: number): Promise<void>
  /** Stores a value that JSON can hold, for `find(id)`. Needs capability `lookup`. @throws LEASE_LOST | UNSUPPORTED */
  progress(value: unknown): Promise<void>
}

/** A definition whose input type is forgotten. */
export interface AnyJob {
  readonly name: string
  readonly input: StandardSchema
  readonly retry?: JobRetry
  readonly timeoutMs?: number
}

/** A job's definition with the function that runs it; made by {@link handle}. */
export interface Handler {
  readonly job: AnyJob
  /** Gets what the definition's schema gave back. */
  run(input: unknown, job: JobContext): unknown
}

/**
 * Binds a function to a job: `handle(issueReceipt, async (input, job) => ...)`. Returning ends the job; throwing runs it
 * again with backoff until its attempts are used up. It may run more than once for one job: make its effects repeatable.
 */
export function handle<S extends StandardSchema>(
  job: JobDefinition<S>,
  handler: (input: OutputOf<S>, job: JobContext) => unknown,
): Handler {
  return { job: job as unknown as AnyJob, run: (input, context) => handler(input as OutputOf<S>, context) }
}
