import type { TelemetryRow } from '@pdvend/ports'

/** An engine that the suite may use, and for fault cases break. */
export interface Engine {
  /** E.g. `embedded`, `MinIO`. */
  readonly name: string
  readonly version?: string
  /** The settings that an app would get in its environment. Each run may add a name prefix of its own. */
  readonly env: Readonly<Record<string, string>>
  /** `fake`: the adapter takes all its time from the injected clock, so that cases about days run in milliseconds. Default `real`. */
  readonly clock?: 'real' | 'fake'
  /** File URL of a module whose `manifest` export is the adapter: for cases that start other processes. */
  readonly module?: string
  /**
   * Makes the queues of these names, as `pdvend provision` does, for engines on which an adapter makes none by itself. Called
   * before a case first uses a name; may be called again for the same one.
   */
  provision?(queues: readonly string[]): Promise<void>
  /**
   * Every event of this type that the engine holds, duplicates included, in the order in which it took those of one key: for
   * adapters without `query`, read past the adapter. Absent: what the driver says that it accepted is believed.
   */
  storedEvents?(type: string): Promise<readonly TelemetryRow[]>
  /** Stops the engine in order and starts it again with its data. */
  restart?(): Promise<void>
  /** Kills it without notice and starts it again with its data. */
  kill?(): Promise<void>
  /** Starts it again without its data. */
  wipe?(): Promise<void>
  /** Freezes it until the returned function is called. */
  pause?(): Promise<() => Promise<void>>
  /** Flips one bit of a stored blob's body beneath the adapter, at byte `offset`; `key` is the whole key. */
  damage?(key: string, offset: number): Promise<void>
  /** What no blob refers to: parts of unfinished uploads, body files. Empty = clean. */
  leftovers?(): Promise<readonly string[]>
  /** Ends it and removes what it left. */
  stop?(): Promise<void>
}
