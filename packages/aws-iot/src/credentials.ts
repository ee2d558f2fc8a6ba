import { type Clock, type DriverCall, invalid, type IssueRequest } from '@pdvend/ports'
import { clientIdOf, type Credential, encodeToken, grantsOf, presenceTopic } from '@pdvend/push-mqtt'
import { type Claims, readGeneration } from './authorizer/token.js'
import type { DataPlane } from './data-plane.js'
import { broker } from './errors.js'
import { MAX_SUBSCRIPTIONS } from './limits.js'

/** How tokens are signed, and for whom. */
export interface Issuer {
  readonly ns: string
  /** Name of the custom authorizer. */
  readonly authorizer: string
  readonly secret: string
}

export interface CredentialParts extends Issuer {
  readonly plane: DataPlane
  readonly clock: Clock
  /** Writes a retained message. */
  retain(topic: string, text: string, signal: AbortSignal): Promise<void>
  /** Whoever is connected as the device has been cut off. */
  cutOff(device: string): void
}

/**
 * Tokens that the custom authorizer checks: signed, with the device's topics and its end, so AWS keeps nothing. What is kept is a
 * generation for each device whose credentials were revoked, in a retained message: tokens of earlier ones are refused. So it goes
 * when a device's groups change; but who is connected and reaches nothing that it has lost stays, until it comes for its grants.
 */
export class Credentials {
  /** Generations that this instance wrote: a read may be older. */
  readonly #written = new Map<string, number>()

  constructor(private readonly parts: CredentialParts) {}

  /** @throws INVALID_ARGUMENT for more groups than a connection of AWS IoT may subscribe to */
  async issue(device: string, { groups, regrouped, ttlMs, signal }: IssueRequest): Promise<Credential & { readonly expiresAt: number }> {
    const { ns, clock, plane } = this.parts
    const { subscribe } = grantsOf(ns, device, groups)
    if (subscribe.length > MAX_SUBSCRIPTIONS) {
      const mend = `AWS IoT lets a device subscribe to ${MAX_SUBSCRIPTIONS} topics: give at most ${MAX_SUBSCRIPTIONS - 2}`
      throw invalid('groups', groups, mend, { adapter: broker.adapter, operation: 'issue' })
    }
    let generation = await this.#generation(device, signal)
    if (regrouped) {
      generation = await this.#next(device, generation, signal)
      const reached = await plane.subscriptions(clientIdOf(ns, device), signal)
      if (reached === undefined || reached.some((topic) => !subscribe.includes(topic))) await this.#cutOff(device, signal)
    }
    const expiresAt = clock.now() + ttlMs
    // The device counts by the app's clock, the authorizer by AWS's.
    return { ...credentialOf(this.parts, device, { groups, generation, expiresAt: plane.now() + ttlMs }), expiresAt }
  }

  async revoke(device: string, { signal }: DriverCall): Promise<void> {
    await this.#next(device, await this.#generation(device, signal), signal)
    await this.#cutOff(device, signal)
  }

  async #generation(device: string, signal: AbortSignal): Promise<number> {
    const { ns, plane } = this.parts
    const read = readGeneration(await plane.retained(recordTopic(ns, device), signal))
    return Math.max(read, this.#written.get(device) ?? 0)
  }

  /** Refuses the tokens of a generation; who is connected with one stays. */
  async #next(device: string, generation: number, signal: AbortSignal): Promise<number> {
    const next = generation + 1
    await this.parts.retain(recordTopic(this.parts.ns, device), JSON.stringify({ generation: next }), signal)
    this.#written.set(device, next)
    return next
  }

  /** @throws UNSUPPORTED where the endpoint cannot */
  async #cutOff(device: string, signal: AbortSignal): Promise<void> {
    if (!(await this.parts.plane.disconnect(clientIdOf(this.parts.ns, device), signal)))
      throw broker.error('UNSUPPORTED', 'revoke', 'this endpoint has no DeleteConnection: a connected device stays until its time is over')
    this.parts.cutOff(device)
  }
}

/** What a device presents: its rights, signed. */
export function credentialOf(
  { ns, authorizer, secret }: Issuer,
  device: string,
  { groups, generation, expiresAt }: { readonly groups: readonly string[]; readonly generation: number; readonly expiresAt: number },
): Credential {
  const clientid = clientIdOf(ns, device)
  const { subscribe, publish } = grantsOf(ns, device, groups)
  const username = `${clientid}~${generation}`
  const claims: Claims = {
    clientid,
    username,
    // Whole seconds, and never longer than promised.
    exp: Math.floor(expiresAt / 1_000),
    acl: { sub: subscribe, pub: publish, retain: [presenceTopic(ns, device)] },
    generation,
    record: recordTopic(ns, device),
  }
  return {
    username: `${username}?x-amz-customauthorizer-name=${encodeURIComponent(authorizer)}`,
    password: encodeToken(claims, { secret }),
  }
}

/** Where the generation of a device's credentials is written. */
export function recordTopic(ns: string, device: string): string {
  return `pdv/${ns}/credentials/${device}`
}
