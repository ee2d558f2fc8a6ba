import type { PortOptions } from '../calls.js'
import type { RequestContext } from '../context.js'
import type { TelemetryCapabilities } from './driver.js'
import type { EventSpool } from './spool.js'

export interface EmitOptions {
  /** Same id = same event: the engine stores it once. 1 to 200 characters. Default: a new UUIDv7. */
  readonly id?: string
  /** When it happened. Default: now. */
  readonly at?: Date
  /** Events of one key stay in order where the adapter has `orderedByKey`. 1 to 256 characters. */
  readonly key?: string
  /** [T5] Fields here win over the current RequestContext, which wins over the port's own `context`. */
  readonly context?: Partial<RequestContext>
}

export interface EventReceipt {
  readonly id: string
  readonly status: 'spooled' | 'accepted'
}

/** [T59] `emitted = accepted + pending + dead + dropped`, at any time. */
export interface Ledger {
  /** Emitted by this instance, plus what it took over from the spool of earlier or dead processes. */
  readonly emitted: number
  /** Stored by the engine. */
  readonly accepted: number
  /** On its way: in the spool, being sent, or waiting for an asynchronous validator. */
  readonly pending: number
  /** In the dead letters. A replay moves it back to pending. */
  readonly dead: number
  /** Given up: the spool's bound and policy, an unreadable record, an emit after close. */
  readonly dropped: number
}

/** The ledger when the flush ended. */
export interface FlushReport extends Ledger {
  /** True when everything emitted before the flush was accepted, dead or dropped; false when time ran out first. */
  readonly complete: boolean
}

/** An event that was set aside. */
export interface DeadEvent {
  readonly id: string
  readonly type: string
  readonly at: Date
  readonly key?: string
  /** Why, in a sentence that starts with a code: `INVALID_ARGUMENT: data: saleId: expected string`. */
  readonly reason: string
  readonly diedAt: Date
  /** False when the data could not be kept (a cycle, far too large): such an event cannot be replayed. */
  readonly whole: boolean
  readonly data: unknown
}

export interface ReplayOptions {
  /** Gives the mended data of an event, or undefined to leave it dead. Default: the data as it is. */
  readonly mend?: (event: DeadEvent) => unknown
}

export interface BatchOptions {
  /** Events in a batch at most. Default and upper bound: the driver's limit. */
  readonly maxEvents?: number
  /** Bytes in a batch at most. Default and upper bound: the driver's limit. */
  readonly maxBytes?: number
  /** A batch that is not full leaves when its first event has waited so long, in milliseconds. Default 1,000. */
  readonly maxAgeMs?: number
  /** Batches on their way at once. Default 4; always 1 where the adapter keeps order by key. */
  readonly concurrency?: number
}

export interface TelemetryOptions extends PortOptions {
  /** Where events wait. Default: memory, 64 MiB, dropOldest. Closed together with the port. */
  readonly spool?: EventSpool
  readonly batch?: BatchOptions
  /** What the adapter's manifest declares; the driver may have measured less. Default: everything. */
  readonly capabilities?: TelemetryCapabilities
  /** `source` of the envelopes: a URI reference. Default `/pdvend`. */
  readonly source?: string
  /** Put into every event, under what the current context says. */
  readonly context?: Partial<RequestContext>
  /** Time that `close` spends on flushing, in milliseconds; the rest stays in the spool. Default 5,000. */
  readonly closeMs?: number
}
