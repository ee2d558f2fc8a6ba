import type { DriverCall } from '../driver.js'
import type { DeviceReceipt } from './types.js'
import type { Cursors, WireOutcome } from './wire.js'

/** A message that the journal shall keep. */
export interface JournalEntry {
  /** Unique in its stream: the same id again is the same entry. */
  readonly id: string
  readonly stream: string
  /** Name of the message definition. */
  readonly name: string
  /** Queued entries of this stream and name with the same key make way [P29]. */
  readonly replaceKey?: string
  /** The latest of its stream, name and replaceKey also goes to devices that come for the first time [P28]. */
  readonly retain: boolean
  /** Milliseconds since the epoch; from then on it is never handed out [P23]. */
  readonly expiresAt: number
  /** Instance that waits for the device's receipt. */
  readonly receiptTo?: string
  /** The envelope. */
  readonly bytes: Uint8Array
}

/** Where an entry stands; `known` = this id was there before. */
export interface JournalReceipt {
  readonly sequence: number
  readonly previous: number
  readonly known: boolean
}

/** What a device asks for. */
export interface ReplayRequest {
  /** What it has, by stream; a stream that it does not name is new to it. Empty when its cursors are of another journal. */
  readonly cursors: Cursors
  readonly maxEntries: number
  readonly maxBytes: number
}

export interface ReplayPage {
  /** In the order of publishing over all streams. */
  readonly entries: readonly (JournalEntry & JournalReceipt)[]
  /** Where the device stands in each of its streams once it has these. */
  readonly cursors: Cursors
  readonly more: boolean
  /** Streams that lost entries which this device has not seen: the bound was reached [P25, P27]. */
  readonly lost: readonly string[]
}

/** What happened to the registry. */
export interface Enrolment {
  readonly groups: readonly string[]
  /** The device's groups are not what they were. */
  readonly changed: boolean
}

/**
 * The durable half of push: one ordered stream a target, a cursor a device, a registry of devices and their groups. What a
 * call has resolved is on disk. Several processes may use one journal. Time is the caller's: `now` in milliseconds.
 */
export interface PushJournal {
  /** Identity of the data: another after it was wiped. */
  readonly id: string
  /**
   * Keeps an entry and gives its place [P21]. Above the stream's bound the oldest go and leave a gap marker, or the append is
   * refused, by the journal's setting [P25]. @throws RATE_LIMITED when the bound is reached and its setting is to refuse
   */
  append(entry: JournalEntry, now: number, call: DriverCall): Promise<JournalReceipt>
  /** What `device` has not had, oldest first: its own stream, its groups', all. Expired and replaced entries are left out. */
  replay(device: string, request: ReplayRequest, now: number, call: DriverCall): Promise<ReplayPage>
  /** `device` is done with everything up to `cursors`; `outcomes` names what was not handled. */
  acknowledge(device: string, cursors: Cursors, outcomes: readonly WireOutcome[], now: number, call: DriverCall): Promise<void>
  /** Deletes what is past its time and gives how many entries that were; undelivered ones get the receipt `expired` [P23]. */
  expire(now: number, call: DriverCall): Promise<number>
  /** Registers a device and its groups; undefined = as they are. It joins a stream at its head, its own stream at the oldest. */
  enroll(device: string, groups: readonly string[] | undefined, call: DriverCall): Promise<Enrolment>
  /** What is known of a message, by device; nothing for those that were handled and forgotten. */
  receipts(id: string, call: DriverCall): Promise<readonly DeviceReceipt[]>
  /** The last sequence of each stream that has entries: what a starting instance tells devices, for one may have died before it sent [P56]. */
  heads(call: DriverCall): Promise<Cursors>
  /** Marks a device's own message as handled until `forgetAt`; false when it already was. With `forgetAt` 0: only asks. */
  settle(device: string, id: string, forgetAt: number, call: DriverCall): Promise<boolean>
  ping(call: DriverCall): Promise<void>
  close(): Promise<void>
}
