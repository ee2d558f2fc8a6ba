import type { Driver, DriverCall } from '../driver.js'
import type { DeadQuery, DeadReason, JobState, JobStats } from './types.js'

/** What an adapter of this port can do. `false` is refused with UNSUPPORTED before any I/O. */
export interface JobCapabilities {
  /** `delayMs` and `runAt` of any length. */
  readonly delay: boolean
  /** `key`: strictly in order, one at a time, kept across retries. */
  readonly fifo: boolean
  /** `dedupeKey`. */
  readonly dedupe: boolean
  /** `priority`. */
  readonly priority: boolean
  /** `find(id)` and the progress that a handler reports. */
  readonly lookup: boolean
}

export interface JobLimits {
  /** Largest envelope in bytes. */
  readonly maxPayloadBytes: number
  /** Largest batch that `enqueue` takes at once; the port splits [Q9]. */
  readonly maxBatch: number
  /** Most payload bytes of one batch. Default: no bound of its own. */
  readonly maxBatchBytes?: number
  /** Longest lease in milliseconds. */
  readonly maxLeaseMs: number
  /** Longest wait of one `receive` in milliseconds. Default 20,000 (SQS's); an engine that truly waits may take more. */
  readonly maxWaitMs?: number
}

/** A job as it is stored. */
export interface DriverJob {
  /** Unique, sortable; the adapter keeps it. */
  readonly id: string
  /** The queue: jobs of one name. */
  readonly name: string
  /** CloudEvents 1.0 JSON in UTF-8, headers and context inside. */
  readonly payload: Uint8Array
  /** Milliseconds since the epoch; not handed out before. */
  readonly dueAt: number
  readonly enqueuedAt: number
  readonly key?: string
  readonly dedupe?: { readonly key: string; readonly windowMs: number }
  /** -100 to 100, default 0; higher first among what is due. A key's order comes first: its head competes by its own priority. */
  readonly priority: number
}

/** What became of one job of an enqueue: `id` is an earlier job's where the dedupe key was taken. */
export type DriverEnqueueOutcome = { readonly id: string; readonly duplicate: boolean } | { readonly error: Error }

export interface DriverReceive extends DriverCall {
  readonly names: readonly string[]
  /** At most this many leases. */
  readonly max: number
  /**
   * How long to wait for a first job, in milliseconds; no busy polling. An empty answer after it is normal. When the
   * signal aborts while it waits, it resolves with nothing; leases already taken are always handed over, never dropped.
   */
  readonly waitMs: number
  readonly leaseMs: number
}

/** A job handed to one worker until `expiresAt`. */
export interface Lease {
  readonly job: DriverJob
  /** Fencing token: a settle or an extend with an older one is refused with LEASE_LOST. */
  readonly token: string
  /** 1 for the first; grows by `retry` only, never by a release or a crash. */
  readonly attempt: number
  /** Earlier starts of this attempt that ended without a settle: the worker died or lost its lease. */
  readonly crashes: number
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** How a lease ends. */
export type Settlement =
  | { readonly kind: 'done' }
  /** Again after `delayMs`, one attempt more; a key stays blocked meanwhile. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly errors: readonly string[] }
  /** Again after `delayMs`, no attempt counted: drain and snooze. */
  | { readonly kind: 'release'; readonly delayMs: number }
  | { readonly kind: 'dead'; readonly reason: DeadReason; readonly errors: readonly string[] }

/** A dead letter as it is stored. */
export interface DriverDeadJob {
  readonly job: DriverJob
  readonly reason: DeadReason
  readonly errors: readonly string[]
  readonly attempts: number
  readonly diedAt: number
}

export interface DriverDeadPage {
  readonly jobs: readonly DriverDeadJob[]
  readonly cursor?: string
}

/**
 * The adapter's side of the job queue; apps use {@link JobQueue}. Names arrive valid. Calls may run concurrently. The
 * port owns retries, leases' renewal, concurrency, validation and the envelope; the driver stores, hands out and fences.
 */
export interface JobDriver extends Driver {
  readonly limits: JobLimits
  readonly capabilities?: JobCapabilities
  /** Resolves when the engine has the jobs for good. One outcome a job, in order [Q8]. A job whose id it already has is not stored twice. */
  enqueue(jobs: readonly DriverJob[], call: DriverCall): Promise<readonly DriverEnqueueOutcome[]>
  /** Hands out due jobs of `names`: never two of one key at once, never a key's later job before an earlier one. */
  receive(options: DriverReceive): Promise<readonly Lease[]>
  /** A lease that has expired is lost, whether or not somebody else took it. @throws LEASE_LOST, and then nothing changed [Q17] */
  settle(lease: Lease, settlement: Settlement, call: DriverCall): Promise<void>
  /** Renews for `leaseMs` from now; gives the new expiry. @throws LEASE_LOST */
  extend(lease: Lease, leaseMs: number, call: DriverCall): Promise<number>
  stats(names: readonly string[] | undefined, call: DriverCall): Promise<JobStats>
  /** Oldest first. */
  listDead(query: DeadQuery & DriverCall & { readonly cursor?: string; readonly limit: number }): Promise<DriverDeadPage>
  /** Sends dead jobs back to their queues, attempt 1, same id; gives how many there were. */
  redriveDead(ids: readonly string[], call: DriverCall): Promise<number>
  discardDead(ids: readonly string[], call: DriverCall): Promise<number>
  /** Only with capability `lookup`. */
  find?(id: string, call: DriverCall): Promise<JobState | undefined>
  /** Only with capability `lookup`; JSON text. */
  progress?(lease: Lease, value: string, call: DriverCall): Promise<void>
}
