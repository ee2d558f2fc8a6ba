import type { Driver, DriverCall } from '../driver.js'
import type { PushJournal } from './journal.js'
import type { DeviceConnection, Presence, PresenceEvent, Target } from './types.js'

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
  /** Largest wire message in bytes. */
  readonly maxPayloadBytes: number
}

/** Device to app: who sent it (proved by the engine) and the bytes. */
export interface DriverInbound {
  readonly device: string
  readonly bytes: Uint8Array
}

/**
 * The adapter's side of push; apps use {@link PushNotifications}. It carries bytes between targets and devices and knows
 * topics, credentials and presence; the port owns the journal, receipts, requests, ttl and the envelope.
 */
export interface PushDriver extends Driver {
  readonly limits: PushLimits
  readonly capabilities?: PushCapabilities
  /** The journal that the adapter brings along, where it does. */
  readonly journal?: PushJournal
  /** Resolves when the engine took the message (QoS 1). Order per target is kept. */
  send(to: Target, bytes: Uint8Array, call: DriverCall & { readonly expiresAt?: number }): Promise<void>
  /** What devices send. `shared` goes to one instance of the app; `own` is what is addressed to this instance. Acknowledged after the handler resolves. */
  receive(
    instance: string,
    handlers: { shared(message: DriverInbound): Promise<void>; own(message: DriverInbound): Promise<void> },
    call: DriverCall,
  ): Promise<void>
  presence(device: string, call: DriverCall): Promise<Presence>
  /** Calls `listener` for each change until the returned function is called. */
  watchPresence(listener: (event: PresenceEvent) => void): () => void
  issue(device: string, options: DriverCall & { readonly ttlMs: number; readonly groups: readonly string[] }): Promise<DeviceConnection>
  /** Refuses the device's credentials from now on and disconnects it within two seconds. */
  revoke(device: string, call: DriverCall): Promise<void>
}
