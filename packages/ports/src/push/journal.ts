import type { DriverCall } from '../driver.js'

/** Draft: see PushDriver. */
export interface PushJournal {
  close(): Promise<void>
  ping(call: DriverCall): Promise<void>
}
