/**
 * Where a device keeps what must survive its restart: how far it has come in each stream, ids of what it handled, what it
 * has still to send. Small: at most some ten thousand short entries. Values are JSON.
 */
export interface DeviceStore {
  /** Everything that is kept. Called once, first. */
  load(): Promise<ReadonlyMap<string, unknown>>
  /** Takes all changes or none; undefined deletes. Once it resolves, a killed process finds them again. */
  write(changes: ReadonlyMap<string, unknown>): Promise<void>
  close(): Promise<void>
}

/** Keeps nothing beyond this process: after a restart, messages may be handled again. */
export function memoryStore(): DeviceStore {
  return { load: () => Promise.resolve(new Map()), write: () => Promise.resolve(), close: () => Promise.resolve() }
}
