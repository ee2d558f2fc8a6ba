import type { DriverCall, DriverEnqueueOutcome, DriverJob, DriverReceive, JobStats, Lease, Settlement } from '@pdvend/ports'

/**
 * One way to keep a queue in Kafka. The driver asks the engines in turn: the first that `takes` a job gets it; leases go back to
 * the engine that gave them. `classic` takes everything; an engine before it may take what it is better at, and hand over to
 * {@link JobKeeper} what it cannot keep itself.
 */
export interface JobEngine {
  readonly name: 'classic' | 'share'
  takes(job: DriverJob): boolean
  /** Only jobs that it takes. One outcome a job, in order. */
  enqueue(jobs: readonly DriverJob[], call: DriverCall): Promise<readonly DriverEnqueueOutcome[]>
  /** As `JobDriver.receive`; ends early, with what it has, when the signal aborts. */
  receive(options: DriverReceive): Promise<readonly Lease[]>
  /** Did this engine give the lease? By its token alone. */
  gave(lease: Lease): boolean
  settle(lease: Lease, settlement: Settlement, call: DriverCall): Promise<void>
  extend(lease: Lease, leaseMs: number, call: DriverCall): Promise<number>
  stats(names: readonly string[], call: DriverCall): Promise<JobStats>
  /** Ends what waits; idempotent. The client stays open. */
  close(): Promise<void>
}

/** Where another engine puts what it cannot keep: jobs that wait for a time, with their attempts, and dead letters. */
export interface JobKeeper {
  /** Each is stored for good, or the call throws. A job whose id is there already is left as it is. */
  keep(jobs: readonly KeptJob[], call: DriverCall): Promise<void>
}

export interface KeptJob {
  readonly job: DriverJob
  /** The attempt that its next start will be. */
  readonly attempt: number
  /** Starts of this attempt that ended without a settlement; default 0. */
  readonly crashes?: number
  /** Present: it is a dead letter. */
  readonly dead?: import('./classic/records.js').Death
}
