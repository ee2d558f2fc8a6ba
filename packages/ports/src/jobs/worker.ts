import type { Calls } from '../calls.js'
import { sleep } from '../clock.js'
import { withoutContext } from '../context.js'
import { invalid, PortError } from '../errors.js'
import { backoffMs } from '../retry.js'
import { Attempt, type AttemptDeps } from './attempt.js'
import type { Lease, Settlement } from './driver.js'
import type { JobEvent } from './events.js'
import type { Handler } from './handler.js'
import { LeaseKeeper } from './lease.js'
import { Settler } from './settler.js'

/** How a worker works. */
export interface WorkOptions {
  /** Handlers at once, 1 to 10,000. Default 10 [Q65]. */
  readonly concurrency?: number
  /** Leases held beyond that, so that a free slot finds its next job at hand. Default 0: what waits here nobody else can run [Q66]. */
  readonly prefetch?: number
  /** How long `close` waits for handlers before it aborts them, in milliseconds. Default 10,000 [Q73]. */
  readonly drainMs?: number
}

/** A running worker. */
export interface Worker extends AsyncDisposable {
  /** Handlers at work now. */
  readonly running: number
  /** May be raised and lowered live; what runs is not stopped [Q65]. */
  concurrency: number
  /**
   * Stops fetching, waits `drainMs` for handlers, then aborts their signals and gives their jobs back without costing an
   * attempt [Q72, Q73]. Idempotent.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
}

export interface WorkerDeps extends Omit<AttemptDeps, 'keeper'> {
  readonly leaseMs: number
  readonly emit: (event: JobEvent) => void
}

/** Longest wait of one `receive` where the driver names none. */
const WAIT_MS = 20_000
/** Between failed fetches. */
const FETCH_RETRY = { maxAttempts: Number.POSITIVE_INFINITY, firstMs: 200, maxMs: 10_000 }
/** Settles under way, as a multiple of the concurrency, above which nothing more is fetched. */
const MAX_SETTLING = 4

/** Fetches by demand, runs handlers side by side, settles. Each job has its own slot, so a slow one holds up nobody [Q67]. */
export class JobWorker implements Worker {
  readonly #handlers: ReadonlyMap<string, Handler>
  readonly #names: readonly string[]
  readonly #keeper: LeaseKeeper
  readonly #settler: Settler
  readonly #calls: Calls
  readonly #prefetch: number
  readonly #drainMs: number
  #concurrency: number
  readonly #waiting: Attempt[] = []
  readonly #running = new Set<Attempt>()
  readonly #settling = new Set<Promise<void>>()
  readonly #loop: Promise<void>
  #paused: boolean
  #stopped = false
  #receiving: AbortController | undefined
  #wake: (() => void) | undefined
  #fetched: Promise<void> = Promise.resolve()
  #idle: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(
    handlers: readonly Handler[],
    options: WorkOptions,
    private readonly deps: WorkerDeps,
    paused: boolean,
  ) {
    this.#handlers = byName(handlers)
    this.#names = [...this.#handlers.keys()]
    this.#calls = deps.calls
    this.#settler = new Settler(deps.driver, deps.calls)
    this.#keeper = new LeaseKeeper(deps.driver, deps.calls, deps.leaseMs)
    this.#concurrency = whole('concurrency', options.concurrency ?? 10, 1, 10_000)
    this.#prefetch = whole('prefetch', options.prefetch ?? 0, 0, 10_000)
    this.#drainMs = whole('drainMs', options.drainMs ?? 10_000, 0, 86_400_000)
    this.#paused = paused
    // Not within whatever request or span this call was made: each job brings its own.
    this.#loop = withoutContext(() => this.#work())
  }

  get running(): number {
    return this.#running.size
  }

  get concurrency(): number {
    return this.#concurrency
  }

  set concurrency(value: number) {
    this.#concurrency = whole('concurrency', value, 1, 10_000)
    this.#startWaiting()
    this.#demand()
  }

  /** Resolves when nothing more will be started. */
  async pause(): Promise<void> {
    this.#paused = true
    this.#receiving?.abort()
    await this.#fetched
    await Promise.all(this.#waiting.splice(0).map((attempt) => this.#settle(attempt, { kind: 'release', delayMs: 0 })))
  }

  resume(): void {
    this.#paused = false
    this.#demand()
  }

  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain(options.drainMs ?? this.#drainMs)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #drain(drainMs: number): Promise<void> {
    this.#stopped = true
    await this.pause()
    this.#demand()
    await this.#loop
    if (this.#running.size > 0) {
      const over = new AbortController()
      const idle = new Promise<void>((resolve) => (this.#idle = resolve))
      if (drainMs > 0) await Promise.race([idle, sleep(this.#calls.clock, drainMs, over.signal).catch(() => {})])
      over.abort()
      for (const attempt of this.#running)
        attempt.stop(
          'drain',
          new PortError('CANCELED', {
            adapter: this.#calls.adapter,
            operation: 'work',
            target: attempt.lease.job.id,
            detail: 'the worker drains',
          }),
        )
      if (this.#running.size > 0) await idle
    }
    while (this.#settling.size > 0) await Promise.all(this.#settling)
  }

  async #work(): Promise<void> {
    for (let failures = 0; !this.#stopped;) {
      const room = this.#room()
      if (room <= 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        continue
      }
      try {
        const receiving = this.#receive(Math.min(room, this.deps.driver.limits.maxBatch))
        this.#fetched = receiving.catch(() => {})
        await receiving
        failures = 0
      } catch (error) {
        if (this.#stopped || this.#paused) continue
        const { log, clock, random, adapter } = this.#calls
        log.warn({ port: 'jobs', adapter, names: this.#names, error: String(error) }, 'could not fetch jobs; trying again')
        const pause = new AbortController()
        this.#receiving = pause
        await sleep(clock, 50 + backoffMs(FETCH_RETRY, ++failures, random), pause.signal).catch(() => {})
      }
    }
  }

  #room(): number {
    if (this.#paused || this.#settling.size > MAX_SETTLING * this.#concurrency) return 0
    return this.#concurrency + this.#prefetch - this.#running.size - this.#waiting.length
  }

  async #receive(max: number): Promise<void> {
    this.#receiving = new AbortController()
    const { driver, leaseMs } = this.deps
    const leases = await driver.receive({
      names: this.#names,
      max,
      waitMs: driver.limits.maxWaitMs ?? WAIT_MS,
      leaseMs,
      signal: this.#receiving.signal,
    })
    for (const lease of leases) this.#take(lease)
    this.#startWaiting()
  }

  #take(lease: Lease): void {
    const attempt = new Attempt(lease, this.#handlers.get(lease.job.name), { ...this.deps, keeper: this.#keeper })
    this.#keeper.hold(attempt)
    this.#waiting.push(attempt)
  }

  #startWaiting(): void {
    if (this.#paused) return
    while (this.#running.size < this.#concurrency) {
      const attempt = this.#waiting.shift()
      if (attempt === undefined) return
      if (!attempt.lost) void this.#run(attempt)
    }
  }

  async #run(attempt: Attempt): Promise<void> {
    const { id, name } = attempt.lease.job
    this.#running.add(attempt)
    this.deps.emit({ type: 'started', id, name, attempt: attempt.lease.attempt })
    const settlement = await attempt.run()
    this.#running.delete(attempt)
    const settled = this.#settle(attempt, settlement).finally(() => {
      this.#settling.delete(settled)
      this.#demand()
    })
    this.#settling.add(settled)
    this.#startWaiting()
    this.#demand()
    if (this.#running.size === 0) this.#idle?.()
  }

  /** Never throws: a job whose settle cannot be told comes back when its lease ends. */
  async #settle(attempt: Attempt, settlement: Settlement | undefined): Promise<void> {
    const { lease } = attempt
    const { id, name } = lease.job
    const lost = (): void => this.deps.emit({ type: 'lost', id, name, attempt: lease.attempt })
    try {
      if (settlement === undefined) return lost()
      await this.#settler.settle(lease, settlement)
      this.deps.emit(told(lease, settlement))
    } catch (error) {
      if (PortError.is(error, 'LEASE_LOST')) return lost()
      this.#calls.log.error(
        { port: 'jobs', adapter: this.#calls.adapter, job: name, id, error: String(error) },
        'could not settle a job; it will run again',
      )
    } finally {
      this.#keeper.drop(attempt)
    }
  }

  /** Looks for room again, once for all the slots that this tick frees, and still within it: settle and claim share a group commit. */
  #demand(): void {
    const wake = this.#wake
    if (wake === undefined) return
    this.#wake = undefined
    process.nextTick(wake)
  }
}

function told({ job: { id, name }, attempt }: Lease, settlement: Settlement): JobEvent {
  if (settlement.kind === 'done') return { type: 'done', id, name, attempt }
  if (settlement.kind === 'release') return { type: 'released', id, name, attempt, delayMs: settlement.delayMs }
  if (settlement.kind === 'retry') return { type: 'retried', id, name, attempt, delayMs: settlement.delayMs, errors: settlement.errors }
  return { type: 'dead', id, name, attempt, reason: settlement.reason, errors: settlement.errors }
}

function byName(handlers: readonly Handler[]): ReadonlyMap<string, Handler> {
  if (!Array.isArray(handlers) || handlers.length === 0) throw invalid('handlers', handlers, 'give at least one handle(job, function)')
  const found = new Map<string, Handler>()
  for (const handler of handlers as readonly Handler[]) {
    const name = handler?.job?.name
    if (typeof name !== 'string' || typeof handler.run !== 'function')
      throw invalid('handlers', handler, 'give what handle(job, function) returned')
    if (found.has(name)) throw invalid('handlers', name, 'give one handler a job')
    found.set(name, handler)
  }
  return found
}

function whole(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(field, value, `give a whole number from ${min} to ${max}`)
}
