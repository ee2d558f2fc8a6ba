import { randomUUID } from 'node:crypto'
import type { Clock, DriverCall, Lease, Settlement } from '@pdvend/ports'
import { type Deliveries, type Delivery, leaseLost } from './delivery.js'
import { MAX_VISIBILITY_SECONDS } from './limits.js'

interface Held {
  readonly delivery: Delivery
  expiresAt: number
  /** A settle is under way. */
  settling: boolean
  /** When it died, where it did: a settle that is tried again files the same letter. */
  diedAt?: number
}

const SWEEP_MS = 60_000

/** SQS does this much longer for all that lies between its clock and ours. */
const MARGIN_SECONDS = 1

/** For how many seconds a message has to be hidden for a lease of `leaseMs`. */
export function visibilitySeconds(leaseMs: number): number {
  return Math.min(MAX_VISIBILITY_SECONDS, Math.ceil(leaseMs / 1_000) + MARGIN_SECONDS)
}

/**
 * The leases of this process. SQS says little about a receipt that is too old (of a standard queue it deletes by one in silence), so
 * this process's own clock decides, and what it has itself seen received again.
 */
export class Leases {
  readonly #held = new Map<string, Held>()
  /** By message: its latest lease. */
  readonly #latest = new Map<string, string>()
  #sweepAt = 0

  constructor(
    private readonly deliveries: Deliveries,
    private readonly clock: Clock,
  ) {}

  give(delivery: Delivery, leaseMs: number): Lease {
    const { job, attempt, crashes, incoming, visibleAt } = delivery
    const now = this.clock.now()
    this.#sweep(now)
    const token = randomUUID()
    const expiresAt = Math.min(now + leaseMs, visibleAt)
    const earlier = this.#latest.get(incoming.messageId)
    if (earlier !== undefined) this.#held.delete(earlier)
    this.#latest.set(incoming.messageId, token)
    this.#held.set(token, { delivery, expiresAt, settling: false })
    return { job, token, attempt, crashes, expiresAt }
  }

  /** @throws LEASE_LOST, and then nothing changed */
  async settle(lease: Lease, settlement: Settlement, call: DriverCall): Promise<void> {
    const held = this.#valid(lease, 'settle')
    if (held.settling) throw leaseLost(lease.job, 'settle', 'another settle of it is under way')
    held.settling = true
    try {
      await this.#carryOut(held, settlement, call)
      this.#forget(lease.token, held)
    } finally {
      held.settling = false
    }
  }

  /** @throws LEASE_LOST */
  async extend(lease: Lease, leaseMs: number, call: DriverCall): Promise<number> {
    const held = this.#valid(lease, 'extend')
    const { queue, incoming, receivedAt } = held.delivery
    const now = this.clock.now()
    // SQS counts the 12 hours from the receive.
    const last = receivedAt + (MAX_VISIBILITY_SECONDS - MARGIN_SECONDS) * 1_000
    const expiresAt = Math.min(now + leaseMs, last)
    if (expiresAt <= now) throw leaseLost(lease.job, 'extend', 'SQS leases a message for 12 hours at most')
    const longest = MAX_VISIBILITY_SECONDS - Math.ceil((now - receivedAt) / 1_000)
    await queue.hide(incoming.receipt, Math.min(visibilitySeconds(leaseMs), longest), call)
    held.expiresAt = expiresAt
    return expiresAt
  }

  async #carryOut(held: Held, settlement: Settlement, call: DriverCall): Promise<void> {
    const { delivery } = held
    const { attempt, crashes } = delivery
    const now = this.clock.now()
    switch (settlement.kind) {
      case 'done':
        return this.deliveries.drop(delivery, call)
      case 'retry':
        return this.deliveries.back(delivery, { attempt: attempt + 1, crashes: 0, dueAt: now + settlement.delayMs }, call)
      case 'release':
        return this.deliveries.back(delivery, { attempt, crashes, dueAt: now + settlement.delayMs }, call)
      case 'dead':
        held.diedAt ??= now
        return this.deliveries.bury(delivery, { reason: settlement.reason, errors: settlement.errors, diedAt: held.diedAt }, call)
    }
  }

  #valid({ token, job }: Lease, operation: string): Held {
    const held = this.#held.get(token)
    if (held === undefined) throw leaseLost(job, operation, 'it is settled, or another has the job')
    if (held.expiresAt <= this.clock.now()) {
      this.#forget(token, held)
      throw leaseLost(job, operation, 'it has expired')
    }
    return held
  }

  #forget(token: string, { delivery: { incoming } }: Held): void {
    this.#held.delete(token)
    if (this.#latest.get(incoming.messageId) === token) this.#latest.delete(incoming.messageId)
  }

  /** Forgets what nobody has settled in time. */
  #sweep(now: number): void {
    if (now < this.#sweepAt) return
    this.#sweepAt = now + SWEEP_MS
    for (const [token, held] of this.#held) if (held.expiresAt <= now && !held.settling) this.#forget(token, held)
  }
}
