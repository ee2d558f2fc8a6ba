import type { OfflineReason, Presence } from './types.js'

/**
 * What an engine says about a device's connection. `version` grows with each connection of that device; the end of a
 * connection carries the version of its beginning. `at` is only told on: clocks of brokers differ [P39].
 */
export interface PresenceFact {
  readonly device: string
  readonly version: number
  readonly state: 'online' | 'offline'
  /** Milliseconds since the epoch, the engine's clock. */
  readonly at: number
  readonly reason?: OfflineReason
}

const REASONS: readonly OfflineReason[] = ['unknown', 'lost', 'closed', 'expired', 'takenOver', 'revoked']

/**
 * Who is there, from facts that may come twice and in any order [P36]: the greatest fact wins, by version, then the end
 * over the beginning. A maximum does not care about order or repeats, so every instance ends with the same table; and the
 * late end of a connection that was taken over has an older version than the new one [P35].
 */
export class PresenceTable {
  readonly #facts = new Map<string, PresenceFact>()

  /** Takes a fact; gives the new presence where it changes. */
  take(fact: PresenceFact): Presence | undefined {
    const known = this.#facts.get(fact.device)
    if (known !== undefined && compare(fact, known) <= 0) return undefined
    this.#facts.set(fact.device, fact)
    const sameToSee = known !== undefined && known.version === fact.version && known.state === fact.state
    return sameToSee ? undefined : presenceOf(fact)
  }

  get(device: string): Presence | undefined {
    const fact = this.#facts.get(device)
    return fact === undefined ? undefined : presenceOf(fact)
  }

  /** All that is known, for tests and snapshots. */
  all(): readonly Presence[] {
    return [...this.#facts.values()].map(presenceOf)
  }
}

/** A fact as apps see it. */
export function presenceOf({ device, state, at, reason }: PresenceFact): Presence {
  return { device, state, since: new Date(at), ...(state === 'offline' ? { reason: reason ?? 'unknown' } : {}) }
}

function compare(left: PresenceFact, right: PresenceFact): number {
  return left.version - right.version || rank(left) - rank(right) || right.at - left.at
}

function rank({ state, reason }: PresenceFact): number {
  return state === 'online' ? -1 : REASONS.indexOf(reason ?? 'unknown')
}
