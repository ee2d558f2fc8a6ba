import type { DeviceConnection } from '@pdvend/ports'
import { clientIdOf, grantsOf, presenceTopic, upTopic } from './topics.js'

/** What a device presents when it connects. */
export interface Credential {
  readonly username: string
  readonly password: string
}

export interface DeviceTerms extends Pick<DeviceConnection, 'urls' | 'protocolVersion' | 'keepAliveSeconds'> {
  readonly groups: readonly string[]
  readonly credential: Credential
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly issuedAt: number
}

/** What a device of this namespace is told, on brokers that fix grants when it connects. */
export function deviceConnection(ns: string, device: string, terms: DeviceTerms): DeviceConnection {
  const { urls, protocolVersion, keepAliveSeconds, groups, credential, expiresAt, issuedAt } = terms
  return {
    device,
    clientId: clientIdOf(ns, device),
    urls,
    protocolVersion,
    ...credential,
    subscribe: grantsOf(ns, device, groups).subscribe,
    publish: upTopic(ns, device),
    keepAliveSeconds,
    expiresAt: new Date(expiresAt).toISOString(),
    issuedAt: new Date(issuedAt).toISOString(),
    presence: presenceTopic(ns, device),
    regrant: 'reconnect',
  }
}
