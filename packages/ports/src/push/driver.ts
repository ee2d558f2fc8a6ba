import type { Driver, DriverCall } from '../driver.js'
import type { PushJournal } from './journal.js'
import type { PresenceFact } from './presence-table.js'
import type { DeviceConnection, Presence, Target } from './types.js'

/** What an adapter of this port can do. */
export interface PushCapabilities {
  /** Queued messages outlive the broker, the process and any time away within their ttl. False = as long as the broker keeps them. */
  readonly journal: boolean
  readonly presence: boolean
  /** `request` to a device. */
  readonly request: boolean
  /** `waitFor: 'received' | 'handled'`. */
  readonly receipts: boolean
  /** `credentials.issue` and `revoke`. */
  readonly credentials: boolean
}

export interface PushLimits {
  /** Largest wire message in bytes, header included. */
  readonly maxPayloadBytes: number
}

/** Device to app: who sent it (proved by the engine) and the bytes. */
export interface DriverInbound {
  readonly device: string
  readonly bytes: Uint8Array
}

/** How one message is sent. */
export interface SendCall extends DriverCall {
  /** The journal has it and brings it again: an engine at its rate refuses it at once (RATE_LIMITED) rather than let it wait. */
  readonly kept?: boolean
}

/** What credentials are to be issued for. */
export interface IssueRequest extends DriverCall {
  readonly ttlMs: number
  readonly groups: readonly string[]
  readonly regrouped: boolean
}

/** Where what devices send arrives. A handler never rejects; the engine's acknowledgement waits for it where the engine can. */
export interface InboundHandlers {
  /** For any instance of the app: each message reaches one. */
  shared(message: DriverInbound): Promise<void>
  /** For this instance alone. */
  own(message: DriverInbound): Promise<void>
}

/**
 * The adapter's side of push; apps use {@link PushNotifications}. A dumb carrier: it brings bytes to targets and bytes
 * from devices, and knows topics, credentials and presence. The port owns the journal, receipts, requests, ttl and the
 * envelope. Names of devices and groups arrive valid. Calls may run concurrently. Do not retry.
 */
export interface PushDriver extends Driver {
  readonly limits: PushLimits
  readonly capabilities?: PushCapabilities
  /** The journal that the adapter brings along, where it does. */
  readonly journal?: PushJournal
  /** Resolves when the engine took the message (QoS 1). Messages to one target, sent one after the other, keep their order. */
  send(to: Target, bytes: Uint8Array, call: SendCall): Promise<void>
  /** Starts to deliver what devices send; resolves when the engine would deliver. `instance` names this instance of the app. Called once. */
  receive(instance: string, handlers: InboundHandlers, call: DriverCall): Promise<void>
  presence(device: string, call: DriverCall): Promise<Presence>
  /** Tells what the engine says, doubled and out of order as it may be, until the returned function is called. */
  watchPresence(listener: (fact: PresenceFact) => void): () => void
  /**
   * [P3] Devices of former groups get nothing of them once this has resolved. [P49] `regrouped`: its groups are not what they
   * were, or nobody knows; for engines whose credentials carry the groups.
   */
  issue(device: string, options: IssueRequest): Promise<DeviceConnection>
  /** [P48] Refuses the device's credentials from now on and disconnects it within two seconds. */
  revoke(device: string, call: DriverCall): Promise<void>
}
