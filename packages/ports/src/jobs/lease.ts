import type { Calls } from '../calls.js'
import type { ClockTimer } from '../clock.js'
import { PortError } from '../errors.js'
import type { JobDriver, Lease } from './driver.js'

/** A lease in this worker's hands. */
export interface HeldLease {
  readonly lease: Lease
  /** Milliseconds since the epoch; moves with each renewal. */
  expiresAt: number
  /** Called once when the lease is lost. */
  readonly onLost: (reason: PortError) => void
}

/**
 * Renews the leases of one worker while their handlers run [Q20]: one timer for all of them, each lease when a third of
 * it is over. One that cannot be renewed before it ends is lost: whoever holds it is told, and settles nothing.
 */
export class LeaseKeeper {
  readonly #held = new Set<HeldLease>()
  #timer: ClockTimer | undefined

  constructor(
    private readonly driver: JobDriver,
    private readonly calls: Calls,
    private readonly leaseMs: number,
  ) {}

  hold(held: HeldLease): void {
    this.#held.add(held)
    this.#arm()
  }

  drop(held: HeldLease): void {
    this.#held.delete(held)
    if (this.#held.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Renews at once for at least `ms`. @throws LEASE_LOST and what the engine throws */
  async renew(held: HeldLease, ms: number = this.leaseMs): Promise<void> {
    const { calls, driver } = this
    const leftMs = held.expiresAt - calls.clock.now()
    if (leftMs <= 0) throw this.#lose(held, 'it ended before it could be renewed')
    try {
      held.expiresAt = await calls.run(
        { operation: 'extend', target: held.lease.job.id, options: { timeoutMs: Math.min(leftMs, calls.timeoutMs) } },
        (call) => driver.extend(held.lease, Math.min(Math.max(ms, this.leaseMs), driver.limits.maxLeaseMs), call),
      )
    } catch (error) {
      if (PortError.is(error, 'LEASE_LOST')) throw this.#lose(held, 'another worker may have the job', error)
      throw error
    }
  }

  #arm(): void {
    this.#timer ??= this.calls.clock.timer(this.leaseMs / 6, () => {
      this.#timer = undefined
      const now = this.calls.clock.now()
      for (const held of this.#held) if (held.expiresAt - now <= (this.leaseMs * 2) / 3) void this.#renewQuietly(held)
      if (this.#held.size > 0) this.#arm()
    })
  }

  /** A failure is no loss yet: the next tick tries again while the lease lasts. */
  async #renewQuietly(held: HeldLease): Promise<void> {
    await this.renew(held).catch((error: unknown) => {
      if (PortError.is(error, 'LEASE_LOST')) return
      this.calls.log.warn(
        { port: 'jobs', adapter: this.calls.adapter, job: held.lease.job.id, error: String(error) },
        'could not renew a lease; trying again',
      )
    })
  }

  #lose(held: HeldLease, detail: string, cause?: unknown): PortError {
    const { name, id } = held.lease.job
    const error = new PortError('LEASE_LOST', {
      adapter: this.calls.adapter,
      operation: 'extend',
      target: id,
      detail: `the lease of ${name}: ${detail}`,
      cause,
    })
    if (this.#held.delete(held)) held.onLost(error)
    return error
  }
}
