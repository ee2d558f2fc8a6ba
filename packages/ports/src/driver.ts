/** What every driver has, whatever its port. */
export interface Driver {
  /** What was measured or chosen at `open`, e.g. `{ engine: 'share', broker: '4.4' }`: for the log and for `doctor`. No secrets. */
  readonly facts?: Readonly<Record<string, string>>
  /** Asks the engine for a sign of life; throws the reason where there is none. Used at start and by `health()`. */
  ping(call: DriverCall): Promise<void>
  /** Idempotent: stops intake, drains, disconnects, removes its timers. */
  close(): Promise<void>
}

/** What the port hands to each driver call. */
export interface DriverCall {
  /** Aborts when the caller gives up or the deadline passes; the driver stops its I/O and throws the signal's reason. */
  readonly signal: AbortSignal
}
