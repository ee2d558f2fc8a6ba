import type { Calls } from '../calls.js'
import { type ClockTimer, sleep } from '../clock.js'
import { PortError } from '../errors.js'
import { backoffMs, type RetryPolicy } from '../retry.js'
import type { EventOutcome, TelemetryDriver, TelemetryLimits } from './driver.js'
import { Pace } from './pace.js'
import type { EventSpool, Settled, SpooledEvent } from './spool.js'

export interface ShipperOptions {
  readonly maxEvents: number
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly concurrency: number
  /** Waits between tries; there is no last try: an event is kept as long as its failure may pass. */
  readonly retry: Pick<RetryPolicy, 'firstMs' | 'maxMs'>
}

/** After so many failed tries for an unknown reason, the events themselves come under suspicion and the batch is bisected. */
const SUSPECT_AFTER = 5
/** The wait has long reached its bound. */
const MAX_DOUBLINGS = 40

/** Moves events from the spool to the driver: cuts batches, tries again what failed, settles each event by its own outcome. */
export class Shipper {
  readonly #pace: Pace
  readonly #stop = new AbortController()
  readonly #running = new Set<Promise<void>>()
  #age: ClockTimer | undefined
  #scheduled = false
  #draining = 0
  #aged = false
  #accepted = 0

  constructor(
    private readonly driver: TelemetryDriver,
    private readonly spool: EventSpool,
    private readonly calls: Calls,
    private readonly limits: TelemetryLimits,
    private readonly options: ShipperOptions,
    private readonly settled: (results: readonly Settled[]) => void,
  ) {
    this.#pace = new Pace(calls.clock, calls.random)
  }

  /** Something may be there to send. Cheap: `emit` calls it every time. */
  arrived(): void {
    if (this.#scheduled || this.#stop.signal.aborted) return
    const { spool, options } = this
    if (spool.readyEvents >= options.maxEvents || spool.readyBytes >= options.maxBytes || this.#draining > 0) this.#schedule()
    else this.#age ??= this.calls.clock.timer(options.maxAgeMs, () => this.#grown())
  }

  /** Sends without waiting for full batches until the returned function is called. */
  drain(): () => void {
    this.#draining += 1
    this.#schedule()
    return () => (this.#draining -= 1)
  }

  /** Takes nothing more, gives back what is not settled, and waits until nothing is on its way. */
  async stop(): Promise<void> {
    this.#age?.cancel()
    this.#stop.abort(new PortError('CLOSED', { adapter: this.calls.adapter, detail: 'telemetry is closing', outcome: 'unknown' }))
    await Promise.all(this.#running)
  }

  #grown(): void {
    this.#age = undefined
    this.#aged = true
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#start()
    })
  }

  #start(): void {
    const { spool, options } = this
    if (this.#running.size >= options.concurrency || this.#stop.signal.aborted || spool.readyEvents === 0) return
    const full = spool.readyEvents >= options.maxEvents || spool.readyBytes >= options.maxBytes
    if (!full && !this.#aged && this.#draining === 0) return this.arrived()
    this.#aged = false
    const shipped: Promise<void> = this.#ship().finally(() => {
      this.#running.delete(shipped)
      if (spool.readyEvents > 0) this.#schedule()
    })
    this.#running.add(shipped)
  }

  async #ship(): Promise<void> {
    const { spool, options, limits } = this
    let batch: readonly SpooledEvent[] = []
    try {
      batch = await spool.take(options.maxEvents, options.maxBytes, limits.perEventBytes)
      // Taking reads from the disk: the next batch is cut when this one has been.
      this.#schedule()
      await this.#deliver(batch)
    } catch (error) {
      // Nothing above throws but for a defect: the events go back, so that it can never cost any.
      this.calls.log.error({ port: 'telemetry', adapter: this.calls.adapter, error: String(error) }, 'a batch could not be handled')
      spool.release(batch)
      await this.#rest(1).catch(() => undefined)
    }
  }

  /** Sends until each event of `batch` is settled; when the port closes, gives back what is left. */
  async #deliver(batch: readonly SpooledEvent[]): Promise<void> {
    const before = Math.min(MAX_DOUBLINGS, (batch[0]?.attempts ?? 0) * SUSPECT_AFTER)
    let left = batch
    for (let failed = 0; left.length > 0;) {
      const outcomes = await this.#try(left)
      if (outcomes === 'stopped') return this.spool.release(left)
      const suspicious = outcomes instanceof PortError && !mayPass(outcomes) && failed + 1 >= SUSPECT_AFTER
      if (!(outcomes instanceof PortError)) left = this.#settle(left, outcomes)
      else if (isAtFault(outcomes) || suspicious) left = await this.#sift(left, outcomes)
      failed += 1
      if (left.length === 0) return
      // What still fails for an unknown reason goes back, to be tried among others: only they can show who is at fault.
      if (!(await this.#rest(before + failed)) || suspicious) return this.spool.release(left)
    }
  }

  /**
   * [T44, T45] Halves a batch that was refused as a whole until the events at fault stand alone, and sends their neighbours.
   * After an unknown error an event counts as at fault only when a neighbour was accepted meanwhile: when nothing passes,
   * it is the engine. Gives what must be sent again.
   */
  async #sift(batch: readonly SpooledEvent[], refusal: PortError): Promise<readonly SpooledEvent[]> {
    const accepted = this.#accepted
    const parts = [batch]
    const suspects: { readonly event: SpooledEvent; readonly error: PortError }[] = []
    const again: SpooledEvent[] = []
    let hopeless = 2 * Math.ceil(Math.log2(batch.length)) + 2
    for (let part = parts.pop(), first = true; part !== undefined; part = parts.pop(), first = false) {
      const outcomes = first ? refusal : hopeless > 0 ? await this.#try(part) : 'stopped'
      if (outcomes === 'stopped') again.push(...part)
      else if (!(outcomes instanceof PortError)) again.push(...this.#settle(part, outcomes))
      else if (mayPass(outcomes)) again.push(...part)
      else if (part.length > 1) parts.push(part.slice(Math.ceil(part.length / 2)), part.slice(0, Math.ceil(part.length / 2)))
      else if (isAtFault(outcomes)) this.#settle(part, [{ status: 'reject', error: outcomes }])
      else suspects.push({ event: part[0]!, error: outcomes })
      if (outcomes instanceof PortError && this.#accepted === accepted) hopeless -= 1
    }
    for (const { event, error } of suspects) {
      if (this.#accepted > accepted) this.#settle([event], [{ status: 'reject', error }])
      else again.push(event)
    }
    return again.sort((a, b) => a.sequence - b.sequence)
  }

  async #try(batch: readonly SpooledEvent[]): Promise<readonly EventOutcome[] | PortError | 'stopped'> {
    const { signal } = this.#stop
    try {
      await this.#pace.turn(signal)
      const outcomes = await this.calls.run(
        { operation: 'send', options: { signal }, repeat: 'never', attributes: { 'messaging.batch.message_count': batch.length } },
        (call) => this.driver.send(batch, call),
      )
      const slow = outcomes.find((outcome) => outcome.status !== 'accepted' && PortError.is(outcome.error, 'RATE_LIMITED'))
      if (slow === undefined) this.#pace.succeeded()
      else this.#throttled(slow.status === 'accepted' ? undefined : slow.error)
      return outcomes
    } catch (thrown) {
      if (signal.aborted) return 'stopped'
      const error = PortError.is(thrown) ? thrown : new PortError('INTERNAL', { cause: thrown })
      if (error.code === 'RATE_LIMITED') this.#throttled(error)
      this.calls.log.warn(
        { port: 'telemetry', adapter: this.calls.adapter, code: error.code, events: batch.length, detail: error.detail },
        'events could not be sent',
      )
      return error
    }
  }

  #throttled(error: unknown): void {
    this.#pace.throttled(PortError.is(error) ? error.retryAfterMs : 0)
  }

  /** [T31, T32] Settles what is accepted or rejected; gives what must be sent again. */
  #settle(batch: readonly SpooledEvent[], outcomes: readonly EventOutcome[]): readonly SpooledEvent[] {
    const done: Settled[] = []
    const again: SpooledEvent[] = []
    batch.forEach((event, index) => {
      const outcome = outcomes[index]
      if (outcome?.status === 'accepted') {
        done.push({ event })
        this.#accepted += 1
      } else if (outcome?.status === 'reject') done.push({ event, dead: reasonOf(outcome.error) })
      else again.push(event)
    })
    if (done.length > 0) {
      this.spool.settle(done)
      this.settled(done)
    }
    return again
  }

  /** [T29] Full jitter, growing to `maxMs`; false when the port closes meanwhile. */
  async #rest(failed: number): Promise<boolean> {
    const ms = backoffMs({ maxAttempts: Number.POSITIVE_INFINITY, ...this.options.retry }, failed, this.calls.random)
    return sleep(this.calls.clock, ms, this.#stop.signal).then(
      () => true,
      () => false,
    )
  }
}

/** The engine says that it is the events. */
function isAtFault({ code }: PortError): boolean {
  return code === 'INVALID_ARGUMENT' || code === 'TOO_LARGE'
}

/** It is the engine, the network or the credentials: with time, the same events may be taken. */
function mayPass(error: PortError): boolean {
  return error.retryable || error.code === 'UNAUTHENTICATED' || error.code === 'PERMISSION_DENIED' || error.code === 'CANCELED'
}

/** One line that starts with a code, fit for a dead letter. */
export function reasonOf(error: unknown): string {
  if (PortError.is(error)) return error.detail === undefined ? error.code : `${error.code}: ${error.detail}`
  return `INTERNAL: ${error instanceof Error ? error.message : String(error)}`
}
