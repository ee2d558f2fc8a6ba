import type { Driver, DriverCall } from '../driver.js'

/** What an adapter of this port can do. */
export interface TelemetryCapabilities {
  /**
   * Events of one `key` arrive in the order in which they were emitted. The port then has one batch on its way at a time;
   * the driver must not accept an event of a batch when an earlier one of the same key gets `retry`.
   */
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
  /** Bytes that the transport adds to each event, e.g. 1 for the newline of NDJSON; counted against `maxBatchBytes`. Default 0. */
  readonly perEventBytes?: number
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
 * each event its own outcome. A thrown error counts for the whole batch: retryable ones and refused credentials are tried
 * again for ever, INVALID_ARGUMENT and TOO_LARGE are bisected down to the event at fault, anything else first tried again.
 */
export interface TelemetryDriver extends Driver {
  readonly limits: TelemetryLimits
  readonly capabilities?: TelemetryCapabilities
  /** [T31] One outcome an event, in order. [T33] An event may come twice, by its id: after a try whose answer got lost. */
  send(batch: readonly DriverEvent[], call: DriverCall): Promise<readonly EventOutcome[]>
  /** Only with capability `query`. */
  query?(query: TelemetryQuery, call: DriverCall): Promise<readonly TelemetryRow[]>
}
