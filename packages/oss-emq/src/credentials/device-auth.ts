import type { DriverCall } from '@pdvend/ports'
import type { Credential } from '@pdvend/push-mqtt'

export interface CredentialRequest extends DriverCall {
  readonly groups: readonly string[]
  /** Milliseconds since the epoch: refused from then on. */
  readonly expiresAt: number
  /** The device's groups are not what they were, or nobody knows. */
  readonly regrouped: boolean
}

/** How a broker lets devices in and keeps them in their place: one of the ways that brokers have. */
export interface DeviceAuth {
  readonly name: 'dynsec' | 'jwt' | 'none'
  /** New credentials. Those of former groups reach nothing of them once this has resolved [P3]. */
  issue(device: string, request: CredentialRequest): Promise<Credential>
  /** [P48] Every credential of the device is refused from now on, and whoever uses one is disconnected. */
  revoke(device: string, call: DriverCall): Promise<void>
  /** After each new connection to the broker. */
  connected(): void
  close(): Promise<void>
}

/** Called with the device and the user name of credentials whose user was cut off: undefined = whichever it used. */
export type OnCutOff = (device: string, username: string | undefined, reason: 'revoked' | 'expired') => void
