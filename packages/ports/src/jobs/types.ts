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
