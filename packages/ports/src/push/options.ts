import type { CallOptions } from '../call.js'
import type { PortOptions } from '../calls.js'
import type { MessageDefinition } from '../define.js'
import type { InputOf, StandardSchema } from '../schema.js'
import type { PushCapabilities } from './driver.js'
import type { PushJournal } from './journal.js'
import type { Target } from './types.js'

export interface PushOptions extends PortOptions {
  /** What the adapter's manifest declares; the driver may have measured less. Default: everything. */
  readonly capabilities?: PushCapabilities
  /** The journal to use in place of the adapter's own. */
  readonly journal?: PushJournal
  /** Name of this instance of the app, unique among those that run. Default: a new id. */
  readonly instance?: string
  /** CloudEvents source of what this app sends. Default `/pdvend`. */
  readonly source?: string
  /** How often expired entries are deleted, in milliseconds. Default 30,000. */
  readonly expireEveryMs?: number
  /** How long `publish` waits for the engine once the journal has the message, in milliseconds. Default 1,000; then the journal delivers it. */
  readonly sendTimeoutMs?: number
}

export interface PublishOptions {
  /** Unique; the same id again is the same message and is handled once [P14]. Default: a new id. 1 to 128 visible ASCII characters. */
  readonly id?: string
  /**
   * How long it is worth handling, in milliseconds, at most 366 days. Default: the definition's, else one day. 0 = now or
   * never: it is not kept, and an offline device does not get it [P20].
   */
  readonly ttlMs?: number
  /** The latest of this target, message and replaceKey also goes to devices that connect for the first time [P28]. */
  readonly retain?: boolean
  /** Queued messages of this target and name with the same key make way for this one [P29]. 1 to 128 characters. */
  readonly replaceKey?: string
  /** When the call resolves. `received` and `handled` only for a device. Default `accepted`. */
  readonly waitFor?: 'accepted' | 'received' | 'handled'
}

/** One message of `publishMany`. */
export interface PublishItem<S extends StandardSchema = StandardSchema> extends Omit<PublishOptions, 'waitFor'> {
  readonly to: Target
  readonly message: MessageDefinition<S>
  readonly body: InputOf<S>
}

export interface RequestOptions extends CallOptions {
  /** How long the answer may take in all. */
  readonly timeoutMs: number
}

export interface IssueOptions {
  /** How long the credentials hold, in milliseconds: 1,000 to 30 days. Shorter is safer: the device fetches new ones by itself. */
  readonly ttlMs: number
  /** All groups of the device from now on; absent = as they are [P3]. At most 100. */
  readonly groups?: readonly string[]
}

/** Stops what it stands for; closing it twice is fine. */
export interface Subscription extends Disposable {
  close(): void
}
