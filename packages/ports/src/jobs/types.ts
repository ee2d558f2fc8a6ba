/** What `stats()` tells; counts are exact on engines that can count, and say so in the adapter's README where not. */
export interface JobStats {
  /** Due now, nobody has them. */
  readonly ready: number
  /** Waiting for their time: delays and retries. */
  readonly delayed: number
  /** Leased to a worker. */
  readonly inFlight: number
  /** In the dead letters. */
  readonly dead: number
  /** Age of the oldest ready job in milliseconds; 0 when there is none. */
  readonly oldestAgeMs: number
}

/** Why a job is dead. */
export type DeadReason = 'exhausted' | 'discarded' | 'poison' | 'unparsable' | 'invalid' | 'expired'

/** A job in the dead letters. */
export interface DeadJob {
  readonly id: string
  readonly name: string
  readonly key?: string
  readonly reason: DeadReason
  /** The chain of causes, outermost first, secrets redacted. */
  readonly errors: readonly string[]
  readonly attempts: number
  readonly enqueuedAt: Date
  readonly diedAt: Date
  /** The job's input, or the raw text where it could not be parsed. */
  readonly input: unknown
  readonly headers: Readonly<Record<string, string>>
}

/** Which dead jobs: all conditions hold together; none = all. */
export interface DeadQuery {
  readonly ids?: readonly string[]
  readonly name?: string
  readonly key?: string
  readonly reason?: DeadReason
  /** Text that the error chain contains. */
  readonly error?: string
  readonly from?: Date
  readonly to?: Date
}

/** Where a job stands; from `find`, for adapters with capability `lookup`. */
export interface JobState {
  readonly id: string
  readonly name: string
  readonly state: 'ready' | 'delayed' | 'running' | 'done' | 'dead'
  readonly attempt: number
  /** The last value that the handler gave to `progress`. */
  readonly progress?: unknown
  readonly enqueuedAt: Date
}

/** How one job is put in. */
export interface EnqueueOptions {
  /** Not before so many milliseconds from now, 0 to ten years [Q57]. Needs capability `delay` when above 0. Not with `runAt`. */
  readonly delayMs?: number
  /** Not before this time; a past one means now. Needs capability `delay` when in the future. Not with `delayMs`. */
  readonly runAt?: Date
  /** 1 to 128 characters, no control characters. Jobs of one key run strictly in order, one at a time [Q40]. Default: the definition's `key`. Needs `fifo`. */
  readonly key?: string
  /** 1 to 128 characters, no control characters. The same one of the same job within the window enqueues once and gives the first job's id [Q48]. Needs `dedupe`. */
  readonly dedupeKey?: string
  /** How long `dedupeKey` stays taken, in milliseconds from this call, finished or not. Default 300,000 (5 minutes), at most 7 days. */
  readonly dedupeWindowMs?: number
  /** -100 to 100, default 0: higher first among what is due; who waits gains, so nobody starves [Q46]. Needs `priority` when not 0. */
  readonly priority?: number
  /** Travel with the job: at most 64 names of 1 to 128 characters, 16 KiB in all; any text as value [Q3]. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A job that the engine has for good. */
export interface JobReceipt {
  readonly id: string
  /** True: the dedupe key was taken; `id` is the job that holds it and nothing new was stored. */
  readonly duplicate: boolean
}

/** What became of one item of `enqueueMany`, in the items' order. */
export type EnqueueOutcome =
  (JobReceipt & { readonly error?: undefined }) | { readonly error: import('../errors.js').PortError; readonly id?: undefined }
