import type { Clock, ClockTimer, Lease } from '@pdvend/ports'
import type { Lane } from './lane.js'

export interface WaiterOptions {
  readonly names: readonly string[]
  readonly max: number
  readonly leaseMs: number
  readonly waitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A `receive` that waits. It ends with what it has: leases, an empty answer after its time, or why a poll failed. */
export class Waiter {
  readonly names: readonly string[]
  readonly leaseMs: number
  /** Milliseconds since the epoch. */
  readonly endsAt: number
  readonly leases: Lease[] = []
  readonly promise: Promise<readonly Lease[]>
  readonly #max: number
  readonly #short: boolean
  readonly #signal: AbortSignal
  readonly #clock: Clock
  readonly #polled = new Set<Lane>()
  readonly #own = new Map<Lane, number>()
  readonly #resolve: (leases: readonly Lease[]) => void
  readonly #reject: (error: unknown) => void
  #timer: ClockTimer | undefined
  #over = false
  #ended = false

  constructor({ names, max, leaseMs, waitMs, clock, signal }: WaiterOptions) {
    this.names = names
    this.leaseMs = leaseMs
    this.endsAt = clock.now() + waitMs
    this.#max = max
    this.#short = waitMs < 1_000
    this.#signal = signal
    this.#clock = clock
    let settle!: readonly [(leases: readonly Lease[]) => void, (error: unknown) => void]
    this.promise = new Promise((resolve, reject) => (settle = [resolve, reject]))
    ;[this.#resolve, this.#reject] = settle
  }

  get room(): number {
    return this.#ended ? 0 : this.#max - this.leases.length
  }

  wants(name: string): boolean {
    return this.room > 0 && this.names.includes(name)
  }

  /** Starts its time. */
  arm(): void {
    if (this.#ended) return
    this.#signal.addEventListener('abort', this.finish, { once: true })
    this.#timer = this.#clock.timer(Math.max(0, this.endsAt - this.#clock.now()), () => {
      this.#over = true
      this.#maybeFinish()
    })
  }

  polls(lane: Lane): void {
    this.#polled.add(lane)
    this.#own.set(lane, (this.#own.get(lane) ?? 0) + 1)
  }

  polled(lane: Lane): void {
    const left = (this.#own.get(lane) ?? 0) - 1
    if (left > 0) this.#own.set(lane, left)
    else this.#own.delete(lane)
    this.#maybeFinish()
  }

  hasPolled(lane: Lane): boolean {
    return this.#polled.has(lane)
  }

  readonly finish = (): void => {
    if (this.#ended) return
    this.#end()
    this.#resolve(this.leases)
  }

  /** Leases that it has are handed over all the same. */
  fail(error: unknown): void {
    if (this.#ended) return
    if (this.leases.length > 0) return this.finish()
    this.#end()
    this.#reject(error)
  }

  /** A short wait lasts at least as long as its own polls. */
  #maybeFinish(): void {
    if (this.#over && (!this.#short || this.#own.size === 0)) this.finish()
  }

  #end(): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#signal.removeEventListener('abort', this.finish)
  }
}
