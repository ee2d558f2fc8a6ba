import type { Engine } from '@pdvend/contract'
import type { LaunchOptions } from '../launch.js'
import type { RunningEngine } from '../launcher.js'

/** An IoT or IAM policy, as far as the bridge reads it: `*` and `?` as wildcards, `${iot:ClientId}`; a `Condition` is refused. */
export interface PolicyDocument {
  readonly Version: string
  readonly Statement: PolicyStatement | readonly PolicyStatement[]
}

export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
}

/** What AWS IoT hands to a custom authorizer: https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html */
export interface AuthorizerEvent {
  readonly signatureVerified: boolean
  readonly protocols: readonly ('tls' | 'http' | 'mqtt')[]
  readonly protocolData: {
    /** Over WebSocket alone. */
    readonly http?: { readonly headers: Readonly<Record<string, string>>; readonly queryString: string }
    readonly mqtt: {
      /** With its `?x-amz-customauthorizer-name=…`, as it came. */
      readonly username?: string
      /** Base64. */
      readonly password?: string
      readonly clientId: string
    }
  }
  readonly connectionMetadata: { readonly id: string }
}

export interface AuthorizerResult {
  readonly isAuthenticated: boolean
  /** 1 to 128 letters and digits. */
  readonly principalId: string
  /** At most 10 of 2,048 characters each, as objects or as JSON. */
  readonly policyDocuments: readonly (PolicyDocument | string)[]
  /** The connection ends then. 300 to 86,400, or from {@link IotLimits.leastAuthorizerSeconds}. */
  readonly disconnectAfterInSeconds: number
  /** The authorizer is asked again so often. In the same bounds. */
  readonly refreshAfterInSeconds: number
}

export type IotAuthorizer = (event: AuthorizerEvent) => Promise<AuthorizerResult>

/** Who may call by signature: REST, and MQTT by a signed WebSocket address. */
export interface IotCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Asked for where it is there. */
  readonly sessionToken?: string
  /** Absent: everything. */
  readonly policy?: PolicyDocument
  /** Milliseconds since the epoch; refused from then on, as `ExpiredTokenException`. */
  readonly expiresAt?: number
}

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html. A test may lower what it cannot wait for, or lift one to see past it. */
export interface IotLimits {
  /** Default 100, on each connection: what is above is answered with a quota error, or never acknowledged (MQTT 3.1.1). */
  readonly publishesPerSecond: number
  /** Default 30: a shorter keep-alive is raised to it. 1,200 at most. */
  readonly leastKeepAliveSeconds: number
  /** Default 50. */
  readonly subscriptionsPerConnection: number
  /** Default 8: filters of one SUBSCRIBE; more end the connection. */
  readonly filtersPerSubscribe: number
  /** Default 3,600: longer sessions are shortened to it. */
  readonly sessionExpirySeconds: number
  /** Default 300: an authorizer's answer below it is refused. */
  readonly leastAuthorizerSeconds: number
}

export interface IotBridgeOptions {
  /** Default `us-east-1`. */
  readonly region?: string
  /** Default `123456789012`. */
  readonly account?: string
  /** Default one that may do everything: `test`, `test`. */
  readonly credentials?: readonly IotCredentials[]
  /** By name, as devices give it in `x-amz-customauthorizer-name`. Signing is disabled for all of them. */
  readonly authorizers?: Readonly<Record<string, IotAuthorizer>>
  readonly limits?: Partial<IotLimits>
  readonly report?: LaunchOptions['report']
}

/** `disconnectReason` of lifecycle events: https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html */
export type DisconnectReason =
  | 'API_INITIATED_DISCONNECT'
  | 'AUTH_ERROR'
  | 'CLIENT_ERROR'
  | 'CLIENT_INITIATED_DISCONNECT'
  | 'CONNECTION_LOST'
  | 'CUSTOMAUTH_TTL_EXPIRATION'
  | 'DUPLICATE_CLIENTID'
  | 'MQTT_KEEP_ALIVE_TIMEOUT'
  | 'SERVER_ERROR'
  | 'SERVER_INITIATED_DISCONNECT'

/** What lifecycle events suffer, as AWS allows itself: "might be sent out of order, you might receive duplicate messages". */
export interface EventDisturbance {
  /** Each is sent twice. */
  readonly double?: boolean
  /** Each is held back so long. Default 0. */
  readonly delayMs?: number
  /** Pairs of events, of whatever clients, change places; one that is alone goes out after 500 ms. */
  readonly reorder?: boolean
  /** None is sent: what was meant to be is lost. */
  readonly drop?: boolean
}

/** A part that can be broken by itself. */
export interface Breakable {
  /** Takes it away, in order or without notice, until the returned function has brought it back. */
  down(how: 'in-order' | 'killed'): Promise<() => Promise<void>>
  /** Freezes it, until the returned function lets it go on. */
  pause(): Promise<() => Promise<void>>
}

type Ways = 'restart' | 'kill' | 'wipe' | 'pause' | 'stop'

/**
 * AWS IoT Core as an app and its devices see it, over a broker that nobody else reaches. `restart`, `kill`, `wipe` and `pause` are of
 * the whole: broker and front. Session and version numbers start anew with `wipe` alone.
 */
export interface IotBridge extends Omit<Engine, Ways>, Required<Pick<Engine, Ways>> {
  /** The data plane by HTTP, e.g. `http://127.0.0.1:23001`; stands for `https://…-ats.iot.<region>.amazonaws.com`. */
  readonly url: string
  /** MQTT over WebSocket at the same port: `ws://127.0.0.1:23001/mqtt`. */
  readonly webSocketUrl: string
  /** MQTT over TCP, for custom authorizers: `mqtt://127.0.0.1:23002`. */
  readonly tcpUrl: string
  readonly region: string
  readonly account: string
  /** Mosquitto alone: `kill`, `restart`, `wipe`, `pause`, `down`. Connections end as `SERVER_ERROR` when it goes. */
  readonly broker: RunningEngine
  /** The front alone. `killed`: all connections are reset, no goodbye and no lifecycle event. */
  readonly front: Breakable
  /** From now on lifecycle events suffer this; `{}` = nothing. */
  disturb(disturbance: EventDisturbance): void
  /** Cuts the client's TCP connection, as a network does. False when it is not connected. */
  cut(clientId: string): boolean
  /** These credentials come in from now on; ones with the same access key are replaced. */
  admit(credentials: IotCredentials): void
  /** This access key is refused from now on, in new requests and new connections. */
  expel(accessKeyId: string): void
  /** Client ids that are connected now. */
  connected(): readonly string[]
  /** What was refused and why, oldest first: for a failing test's report. */
  log(): Promise<string>
}
