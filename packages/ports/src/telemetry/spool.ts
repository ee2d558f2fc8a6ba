import type { DriverEvent } from './driver.js'

/** An event on its way into the spool: what {@link DriverEvent} has, still as text. */
export interface EventRecord {
  readonly id: string
  readonly type: string
  /** Milliseconds since the epoch: when it happened. */
  readonly at: number
  readonly key?: string
  /** The CloudEvents envelope in JSON. */
  readonly text: string
}

/** A record that was taken to be sent. */
export interface SpooledEvent extends DriverEvent {
  readonly sequence: number
  /** How often it was given back unsent or failed. */
  readonly attempts: number
}

/** What became of a taken record: accepted by the engine, or dead for a reason. */
export interface Settled {
  readonly event: SpooledEvent
  readonly dead?: string
}

/** A record set aside. */
export interface SpooledDead extends DriverEvent {
  readonly reason: string
  readonly diedAt: Date
  /** False when `bytes` lack the data, because it could not be stored: such a record is never replayed. */
  readonly whole: boolean
}

/** `appended + recovered = accepted + pending + dead + dropped`, at any time. */
export interface SpoolCounts {
  /** Given to this spool since it was opened, whatever became of them. */
  readonly appended: number
  /** Found on disk, left by earlier processes, the unreadable ones included. */
  readonly recovered: number
  readonly accepted: number
  readonly pending: number
  readonly dead: number
  /** Dropped by the policy at the bound, or lost to a full or bad disk. */
  readonly dropped: number
  /** Bytes in use and the bound. */
  readonly bytes: number
  readonly maxBytes: number
}

/** Who wants to know what happens in a spool. */
export interface SpoolListener {
  /** Records arrived by another way than `append`: a dead process's records were adopted. */
  arrived(): void
  /** The policy dropped pending records with these sequences, both included. */
  dropped(first: number, last: number): void
}

/** What the spool does at its bound. */
export type SpoolPolicy = 'dropOldest' | 'dropNewest'

/**
 * Where events wait between `emit` and the engine: a disk spool (`@pdvend/spool`) or memory ({@link MemorySpool}).
 * Records are numbered upwards from 1. Nothing here throws for a full disk: what could not be kept is counted.
 */
export interface EventSpool {
  /** Takes a record into memory, to be written by the next group write; never waits for the disk. Gives its sequence, or 0 when the policy dropped it. */
  append(record: EventRecord): number
  /** Puts a record straight into the dead letters; `whole` = its text holds the data. */
  bury(record: EventRecord, reason: string, whole: boolean): void
  /** Resolves when everything appended so far is on disk (memory: at once). @throws UNAVAILABLE when the disk is full or broken; the record is then still pending in memory */
  synced(): Promise<void>
  /** Highest sequence given so far. */
  readonly lastSequence: number
  /** Records that can be taken. */
  readonly readyEvents: number
  readonly readyBytes: number
  /** The oldest records not yet taken, within both bounds (each event costs its bytes plus `perEventBytes`) but at least one if there is one; they stay pending until settled. */
  take(maxEvents: number, maxBytes: number, perEventBytes?: number): Promise<readonly SpooledEvent[]>
  /** Settles taken records for good. */
  settle(results: readonly Settled[]): void
  /** Gives taken records back: they are the next to be taken, in order. */
  release(events: readonly SpooledEvent[]): void
  /** Every record with a smaller sequence is settled or dropped. */
  settledBelow(): number
  listen(listener: SpoolListener): void
  counts(): SpoolCounts
  listDead(): AsyncIterable<SpooledDead>
  /**
   * [T62] Puts dead records back, each once, and gives how many. `mend` decides for each: new text, or undefined to leave
   * it dead. Default: every whole record as it is.
   */
  replayDead(mend?: (dead: SpooledDead) => string | undefined): Promise<number>
  /** Idempotent. Taken and waiting records stay for the next process. */
  close(): Promise<void>
}
