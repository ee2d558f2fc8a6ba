import type { Clock, DriverCall } from '@pdvend/ports'
import { clientIdOf, type Credential, encodeToken, grantsOf, type Signer } from '@pdvend/push-mqtt'
import type { EmqxApi } from '../emqx-api.js'
import type { CredentialRequest, DeviceAuth, OnCutOff } from './device-auth.js'

/** Longest life of a token (`credentials.issue`), in milliseconds: a ban has to hold as long. */
const MAX_LIFE_MS = 30 * 86_400_000

/**
 * Tokens for EMQX: the password is a JWT with the device's access rules and its end, so the broker keeps nothing. To revoke,
 * the user name, which has a generation in it, is banned until every token of it is over, and its user is kicked; the next
 * token is of the next generation. So it goes when a device's groups change, for its former tokens name them; but who is
 * connected and reaches nothing that it has lost stays, until it comes for its new grants.
 */
export class JsonWebTokens implements DeviceAuth {
  readonly name = 'jwt'

  constructor(
    private readonly ns: string,
    private readonly signer: Signer,
    private readonly api: EmqxApi,
    private readonly clock: Clock,
    private readonly cutOff: OnCutOff,
  ) {}

  async issue(device: string, { groups, expiresAt, regrouped, signal }: CredentialRequest): Promise<Credential> {
    const clientId = clientIdOf(this.ns, device)
    const { subscribe, publish } = grantsOf(this.ns, device, groups)
    let generation = await this.#generation(device, signal)
    if (regrouped) {
      await this.#end(device, generation, signal)
      generation += 1
      const reached = await this.api.subscriptions(clientId, signal)
      if (reached.some((topic) => !subscribe.includes(topic))) await this.#kick(device, signal)
    }
    const username = `${clientId}~${generation}`
    const iat = Math.floor(this.clock.now() / 1_000)
    // Whole seconds, and never longer than promised.
    const claims = { clientid: clientId, username, iat, exp: Math.floor(expiresAt / 1_000), acl: { sub: subscribe, pub: publish } }
    return { username, password: encodeToken(claims, this.signer) }
  }

  async revoke(device: string, { signal }: DriverCall): Promise<void> {
    await this.#end(device, await this.#generation(device, signal), signal)
    await this.#kick(device, signal)
  }

  connected(): void {}

  async close(): Promise<void> {}

  /** Refuses the generation's tokens; who is connected with one stays. */
  async #end(device: string, generation: number, signal: AbortSignal): Promise<void> {
    await this.api.ban(`${clientIdOf(this.ns, device)}~${generation}`, new Date(this.clock.now() + MAX_LIFE_MS), signal)
  }

  async #kick(device: string, signal: AbortSignal): Promise<void> {
    await this.api.kick(clientIdOf(this.ns, device), signal)
    this.cutOff(device, undefined, 'revoked')
  }

  /** The first that is not banned; bans outlive every token of theirs, so one may be used again when they end. */
  async #generation(device: string, signal: AbortSignal): Promise<number> {
    const prefix = `${clientIdOf(this.ns, device)}~`
    const banned = (await this.api.bannedUsernames(signal)).filter((name) => name.startsWith(prefix))
    return Math.max(-1, ...banned.map((name) => Number(name.slice(prefix.length))).filter(Number.isSafeInteger)) + 1
  }
}
