import type { Driver, DriverCall } from '../driver.js'

/** What an adapter of this port can do. */
export interface TelemetryCapabilities {
  /** Events of one `key` arrive in the order in which they were emitted. */
  readonly orderedByKey: boolean
  /** The same event id sent twice gives one row. */
  readonly exactlyOnce: boolean
  /** Rows can be read back through `query`. */
  readonly query: boolean
}

/** The transport's bounds: the port cuts batches so that none is beyond them. */
export interface TelemetryLimits {
  readonly maxBatchEvents: number
  readonly maxBatchBytes: number
  /** Largest single event in bytes; a larger one goes to the dead letters. */
  readonly maxEventBytes: number
}

/** One event as it travels: a CloudEvents 1.0 JSON envelope in UTF-8. */
export interface DriverEvent {
  readonly id: string
  /** Event type, e.g. `sale.closed`. */
  readonly type: string
  /** Milliseconds since the epoch: when it happened. */
  readonly at: number
  readonly key?: string
  readonly bytes: Uint8Array
}

/** What became of one event of a batch. `retry` is sent again with backoff, `reject` goes to the dead letters. */
export type EventOutcome = { readonly status: 'accepted' } | { readonly status: 'retry' | 'reject'; readonly error: Error }

/** A row of the embedded table, for adapters with capability `query`. */
export interface TelemetryRow {
  readonly id: string
  readonly type: string
  readonly at: Date
  readonly key?: string
  readonly data: unknown
  readonly context: Readonly<Record<string, string>>
}

export interface TelemetryQuery {
  readonly type?: string
  readonly from?: Date
  readonly to?: Date
  /** Default 1,000, at most 100,000; the newest first. */
  readonly limit?: number
}

/**
 * The adapter's side of telemetry; apps use {@link Telemetry}. Sends batches that are within `limits`. Do not retry: give
 * each event its own outcome; a thrown error counts for the whole batch, by `error.retryable`.
 */
export interface TelemetryDriver extends Driver {
  readonly limits: TelemetryLimits
  readonly capabilities?: TelemetryCapabilities
  /** One outcome an event, in order. */
  send(batch: readonly DriverEvent[], call: DriverCall): Promise<readonly EventOutcome[]>
  /** Only with capability `query`. */
  query?(query: TelemetryQuery, call: DriverCall): Promise<readonly TelemetryRow[]>
}

/**
 * Where events wait between `emit` and the engine: a disk spool (`@pdvend/spool`) or memory. `append` never blocks on I/O.
 * Records are numbered from 1 by the spool, in order, for ever.
 */
export interface EventSpool {
  /** Takes a record at once into the buffer that the next group commit writes; `false` = the bound was reached and the policy dropped it. */
  append(record: DriverEvent): boolean
  /** Resolves when everything appended so far is on disk (memory: at once). */
  synced(): Promise<void>
  /** The oldest records not yet taken, at most that many; they stay pending until settled. */
  take(maxEvents: number, maxBytes: number): Promise<readonly SpooledEvent[]>
  /** Settles records for good: accepted, or dead with a reason. */
  settle(results: readonly { readonly sequence: number; readonly dead?: string }[]): Promise<void>
  /** Gives records back, to be taken again in order. */
  release(sequences: readonly number[]): void
  /** Resolves when a record may be there to take. */
  waiting(signal: AbortSignal): Promise<void>
  counts(): SpoolCounts
  listDead(): AsyncIterable<SpooledDead>
  /** Puts dead records back into the spool; gives how many. */
  replayDead(): Promise<number>
  close(): Promise<void>
}

export interface SpooledEvent extends DriverEvent {
  readonly sequence: number
  /** Tries so far. */
  readonly attempts: number
}

export interface SpooledDead extends DriverEvent {
  readonly reason: string
  readonly diedAt: Date
}

export interface SpoolCounts {
  /** Appended in this process, and found on disk when it started. */
  readonly appended: number
  readonly recovered: number
  readonly accepted: number
  readonly pending: number
  readonly dead: number
  /** Dropped by the policy at the bound, or unreadable after a crash or a bad disk. */
  readonly dropped: number
  /** Bytes in use and the bound. */
  readonly bytes: number
  readonly maxBytes: number
}
