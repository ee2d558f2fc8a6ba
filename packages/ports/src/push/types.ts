/** Whom a push message is for. */
export type Target = { readonly device: string } | { readonly group: string } | { readonly all: true }

/** Is a device there? `since` is when that began. */
export interface Presence {
  readonly device: string
  readonly state: 'online' | 'offline'
  readonly since: Date
  /** Why it is offline, where the engine tells. */
  readonly reason?: 'closed' | 'lost' | 'takenOver' | 'revoked' | 'unknown'
}

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
  /** Topic that the device publishes to at QoS 1. */
  readonly publish: string
  readonly keepAliveSeconds: number
  /** ISO 8601: the device asks for a new connection before this. */
  readonly expiresAt: string
}
