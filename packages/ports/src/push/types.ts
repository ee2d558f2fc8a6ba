/** Whom a push message is for. */
export type Target = { readonly device: string } | { readonly group: string } | { readonly all: true }

/** Is a device there? `since` is when that began. */
export interface Presence {
  readonly device: string
  readonly state: 'online' | 'offline'
  readonly since: Date
  /** Why it is offline, where the engine tells. */
  readonly reason?: OfflineReason
}

/** `closed`: it said goodbye. `lost`: the connection broke or fell silent. `unknown`: never seen, or the engine does not tell. */
export type OfflineReason = 'closed' | 'lost' | 'takenOver' | 'revoked' | 'expired' | 'unknown'

export type PresenceEvent = Presence

/** What a device needs to connect; short-lived. Send it to the device over an authenticated channel: it holds a password. */
export interface DeviceConnection {
  readonly device: string
  readonly clientId: string
  /** MQTT endpoints, best first for the kind of client: `mqtt://` and `mqtts://` for Node, `ws://` and `wss://` for browsers. */
  readonly urls: readonly string[]
  /** MQTT protocol level: 4 = 3.1.1, 5 = 5.0. */
  readonly protocolVersion: 4 | 5
  readonly username: string
  readonly password: string
  /** Topic filters that the device subscribes to, all at QoS 1. */
  readonly subscribe: readonly string[]
  /** Base of the topics that the device publishes to at QoS 1: `<publish>/app` for any instance, `<publish>/<instance>` for one. */
  readonly publish: string
  readonly keepAliveSeconds: number
  /** ISO 8601: the device asks for a new connection before this. */
  readonly expiresAt: string
  /** ISO 8601, the server's clock when this was made: a device whose own clock is wrong counts from here. */
  readonly issuedAt: string
  /** The device's groups when this was made, by which the device sees that a change of them has passed it by. Set by the port. */
  readonly groups?: readonly string[]
  /** Topic on which the device announces itself, retained and by a will, for engines that do not tell who is there. */
  readonly presence?: string
  /** `reconnect`: the engine fixes grants when a client connects, so new ones need a new connection. Default: they hold at once. */
  readonly regrant?: 'reconnect'
}

/** What a device did with a message: `failed` = parked after its handler kept throwing, or nobody handles that name. */
export type DeviceOutcome = 'received' | 'handled' | 'failed' | 'expired'

/** How far a message got. */
export interface PushReceipt {
  readonly id: string
  /**
   * `accepted`: kept by the journal or taken by the engine. `received`, `handled`: by the device, where `waitFor` asked.
   * `failed`, `expired`: the end at the device. `dropped`: ttl 0 and the device is offline.
   */
  readonly state: 'accepted' | 'dropped' | DeviceOutcome
  readonly acceptedAt: Date
  readonly receivedAt?: Date
  readonly settledAt?: Date
  /** Why it failed, in the device's words. */
  readonly error?: string
}

/** What the journal knows about one message at one device. */
export interface DeviceReceipt {
  readonly id: string
  readonly device: string
  /** `replaced`: a newer one of the same replaceKey took its place. `dropped`: the queue's bound was reached. */
  readonly state: 'queued' | 'replaced' | 'dropped' | Exclude<DeviceOutcome, 'received'>
  readonly at: Date
  readonly error?: string
}

/** What became of one item of `publishMany`. */
export type PushOutcome =
  | { readonly receipt: PushReceipt; readonly error?: undefined }
  | { readonly error: import('../errors.js').PortError; readonly receipt?: undefined }

/** Counters since this instance began. */
export interface PushStats {
  /** Messages accepted. */
  readonly published: number
  /** Fire-and-forget messages (ttl 0) whose device was offline [P20]. */
  readonly dropped: number
  /** Answers that came after their request's timeout [P43]. */
  readonly lateAnswers: number
  /** What devices sent that was not for this app: broken frames, unknown messages. */
  readonly refusedInbound: number
}
