import type { Client } from 'aedes'
import type { Clock, ClockTimer, OfflineReason, PresenceFact } from '@pdvend/ports'
import type { Registry } from './registry.js'
import type { Grant, Identity } from './tokens.js'

/** Connections of one host's term in versions of presence: a later term's are always greater. */
const VERSIONS_PER_EPOCH = 1_000_000_000

/** A device's or an instance's connection. */
export interface Session {
  readonly client: Client
  readonly identity: Identity
  readonly grant: Grant
  readonly version: number
  /** Why the broker ended it, where it did. */
  ending?: OfflineReason
}

/** Who is connected to this host, when that ends by itself, and what the registry and the app learn of it. */
export class Sessions {
  readonly #byClient = new Map<Client, Session>()
  readonly #timers = new Map<Session, ClockTimer>()
  #count = 0

  constructor(
    private readonly registry: Registry,
    private readonly epoch: number,
    private readonly clock: Clock,
    private readonly tell: (ns: string, fact: PresenceFact) => void,
  ) {}

  /** Versions of this host's term begin here. */
  get firstVersion(): number {
    return this.epoch * VERSIONS_PER_EPOCH
  }

  of(client: Client): Session | undefined {
    return this.#byClient.get(client)
  }

  all(): IterableIterator<Session> {
    return this.#byClient.values()
  }

  /** A new connection; a device's is known as online before the device itself is told. */
  async begin(client: Client, identity: Identity, grant: Grant): Promise<void> {
    this.#count += 1
    const session: Session = { client, identity, grant, version: this.firstVersion + this.#count }
    this.#byClient.set(client, session)
    client.conn.once('close', () => void this.#end(session))
    if (identity.role !== 'device') return
    this.#timers.set(
      session,
      this.clock.timer(grant.expiresAt - this.clock.now(), () => this.disconnect(session, 'expired')),
    )
    await this.#put(session, { state: 'online' })
  }

  disconnect(session: Session, reason: OfflineReason): void {
    session.ending ??= reason
    session.client.close()
  }

  /** [P48] Cuts off devices whose credentials were revoked. */
  sweep(): void {
    for (const session of this.#byClient.values()) if (this.revoked(session)) this.disconnect(session, 'revoked')
  }

  revoked({ identity, grant }: Session): boolean {
    return identity.role === 'device' && this.registry.device(identity.ns, identity.name)?.generation !== grant.generation
  }

  /** [P37] Devices that a former host left online and that did not come here are gone. */
  async settleFormer(): Promise<void> {
    for (const { ns, ...fact } of this.registry.onlineBefore(this.firstVersion)) {
      await this.#record(ns, { ...fact, state: 'offline', at: this.clock.now(), reason: 'lost' })
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await Promise.all([...this.#byClient.values()].map((session) => this.#end(session)))
  }

  async #end(session: Session): Promise<void> {
    if (!this.#byClient.delete(session.client)) return
    this.#timers.get(session)?.cancel()
    this.#timers.delete(session)
    if (session.identity.role !== 'device') return
    // aedes notes an MQTT DISCONNECT only there (1.2, lib/handlers/index.js).
    const { _disconnected: saidGoodbye } = session.client as Client & { readonly _disconnected?: boolean }
    await this.#put(session, { state: 'offline', reason: session.ending ?? (saidGoodbye ? 'closed' : 'lost') })
  }

  async #put({ identity, version }: Session, what: Pick<PresenceFact, 'state' | 'reason'>): Promise<void> {
    await this.#record(identity.ns, { device: identity.name, version, at: this.clock.now(), ...what })
  }

  async #record(ns: string, fact: PresenceFact): Promise<void> {
    // The registry is closed after the broker; where it cannot be written, the next host sets this right.
    await this.registry.putPresence(ns, fact).catch(() => {})
    this.tell(ns, fact)
  }
}
