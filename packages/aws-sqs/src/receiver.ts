import { type Clock, type DriverReceive, type Lease, type Logger, PortError } from '@pdvend/ports'
import type { Deliveries, Delivery } from './delivery.js'
import { ADAPTER, fail } from './errors.js'
import { type Lane, newLane } from './lane.js'
import type { Later } from './later.js'
import { type Leases, visibilitySeconds } from './leases.js'
import { MAX_BATCH } from './limits.js'
import { patient } from './patient.js'
import { queueName } from './queues.js'
import type { Incoming, Queue, Queues } from './sqs/queues.js'
import { Waiter } from './waiter.js'

export interface ReceiverDeps {
  readonly queues: Queues
  readonly deliveries: Deliveries
  readonly leases: Leases
  readonly later: Later
  readonly clock: Clock
  readonly log: Logger
  readonly prefix: string
  readonly pollSeconds: number
  /** Told of each job that is handed out, and of queues that have none. */
  readonly seen: (name: string, dueAt: number | undefined) => void
}

/** SQS delays by whole seconds: who comes up to so many milliseconds early waits here for its moment. */
const EARLY_MS = 1_500
/** Of those as many at once, beyond what is asked for. */
const MAX_EARLY = 10
/** So long a message that nobody waits for is kept for the next `receive`, in milliseconds; then it goes back, at no cost. */
const KEPT_MS = 250
/** Polls at once of a queue that has more than one brings. */
const BUSY_POLLS = 8
/** Between two looks for a queue that is not there. */
const LOOK_AGAIN_MS = 30_000

/**
 * Polls the queues of those who wait. A poll is never cut off: SQS may have counted and hidden messages for an answer that nobody
 * reads. What it brings too late is kept a moment for the next `receive`, or goes back without costing a start.
 */
export class Receiver {
  readonly #lanes = new Map<string, readonly Lane[]>()
  readonly #waiters = new Set<Waiter>()
  readonly #kept = new Map<Delivery, Lane>()
  readonly #early = new Set<Delivery>()
  /** Polls and what follows from them; `close` waits for it. */
  readonly #work = new Set<Promise<void>>()
  #closed = false

  constructor(private readonly deps: ReceiverDeps) {}

  async receive({ names, max, waitMs, leaseMs, signal }: DriverReceive): Promise<readonly Lease[]> {
    if (signal.aborted || this.#closed) return []
    const lanes = names.flatMap((name) => this.#lanesOf(name))
    await this.#lookFor(names, lanes)
    // oxlint-disable-next-line typescript/no-unnecessary-condition -- time has passed
    if (signal.aborted || this.#closed) return []
    const waiter = new Waiter({ names, max, leaseMs, waitMs, clock: this.deps.clock, signal })
    this.#waiters.add(waiter)
    for (const [delivery, lane] of this.#kept) {
      if (!waiter.wants(lane.name)) continue
      this.#kept.delete(delivery)
      this.#offer(delivery, lane)
    }
    if (waiter.leases.length > 0) waiter.finish()
    else for (const lane of lanes) this.#pump(lane)
    waiter.arm()
    return waiter.promise.finally(() => this.#waiters.delete(waiter))
  }

  /** Waits for the polls that are under way, up to their own length, and gives back what they bring. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waiters) waiter.finish()
    for (const delivery of this.#early) this.#giveBack(delivery)
    for (const delivery of this.#kept.keys()) this.#giveBack(delivery)
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  #lanesOf(name: string): readonly Lane[] {
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    const lanes = (['jobs', 'keyed', 'later'] as const).map((role) => newLane(name, role))
    this.#lanes.set(name, lanes)
    return lanes
  }

  /** @throws NOT_FOUND for a name that has neither queue */
  async #lookFor(names: readonly string[], lanes: readonly Lane[]): Promise<void> {
    const now = this.deps.clock.now()
    await Promise.all(
      lanes.map(async (lane) => {
        if (lane.queue !== undefined || now < lane.lookAt) return
        lane.queue = await this.deps.queues.find(queueName(this.deps.prefix, lane.name, lane.role))
        lane.lookAt = lane.queue === undefined ? now + LOOK_AGAIN_MS : 0
      }),
    )
    const missing = names.find((name) => lanes.every((lane) => lane.name !== name || lane.role === 'later' || lane.queue === undefined))
    if (missing === undefined) return
    for (const lane of this.#lanesOf(missing)) lane.lookAt = 0
    throw fail('receive', { name: 'QueueDoesNotExist' }, missing)
  }

  /** Starts as many polls of a queue as those who wait for its jobs can use. */
  #pump(lane: Lane): void {
    const { queue } = lane
    if (queue === undefined || this.#closed) return
    const waiting = [...this.#waiters].filter((waiter) => waiter.wants(lane.name))
    if (waiting.length === 0) return
    const wanted = waiting.reduce((sum, waiter) => sum + waiter.room, 0)
    if (lane.role === 'later') {
      const seconds = this.#seconds(waiting)
      if (lane.polls === 0 && seconds > 0) this.#start(lane, MAX_BATCH, this.deps.later.poll(queue, lane.name, seconds), waiting)
      return
    }
    const most = lane.busy ? BUSY_POLLS : 1
    const share = Math.ceil(wanted / new Set(waiting.flatMap(({ names }) => names)).size)
    while (lane.polls < most && lane.asked < wanted && lane.early < wanted + MAX_EARLY) {
      const seconds = lane.polls > 0 ? 0 : this.#seconds(waiting)
      // For less than a second SQS cannot wait: each `receive` looks once.
      if (seconds === 0 && lane.polls === 0 && waiting.every((waiter) => waiter.hasPolled(lane))) return
      const max = lane.role === 'keyed' ? 1 : Math.min(MAX_BATCH, wanted - lane.asked, share)
      this.#start(
        lane,
        max,
        this.#poll(queue, lane, { max, seconds, leaseMs: Math.max(...waiting.map(({ leaseMs }) => leaseMs)) }),
        waiting,
      )
    }
  }

  #seconds(waiting: readonly Waiter[]): number {
    const now = this.deps.clock.now()
    return Math.min(this.deps.pollSeconds, Math.floor(Math.max(0, ...waiting.map(({ endsAt }) => endsAt - now)) / 1_000))
  }

  #start(lane: Lane, max: number, poll: Promise<boolean>, waiting: readonly Waiter[]): void {
    lane.polls++
    lane.asked += max
    const done = poll
      .then(
        (more) => (lane.busy = more),
        (error: unknown) => this.#failed(lane, error),
      )
      .finally(() => {
        lane.polls--
        lane.asked -= max
      })
      .then(() => {
        for (const waiter of waiting) waiter.polled(lane)
        if (this.#waiters.size > 0) this.#pump(lane)
      })
    for (const waiter of waiting) waiter.polls(lane)
    this.#track(done)
  }

  /** Resolves, when all is offered that came, with whether there is more. */
  async #poll(
    queue: Queue,
    lane: Lane,
    { max, seconds, leaseMs }: { readonly max: number; readonly seconds: number; readonly leaseMs: number },
  ): Promise<boolean> {
    const visibility = visibilitySeconds(leaseMs)
    const messages = await queue.receive({ max, waitSeconds: seconds, visibilitySeconds: visibility })
    const receivedAt = this.deps.clock.now()
    const span = { receivedAt, visibleAt: receivedAt + visibility * 1_000 }
    const deliveries = await Promise.all(messages.map((message) => this.#read(queue, lane, message, span)))
    for (const delivery of deliveries) if (delivery !== undefined) this.#offer(delivery, lane)
    for (const waiter of this.#waiters) if (waiter.leases.length > 0) waiter.finish()
    if (messages.length === 0) this.deps.seen(lane.name, undefined)
    return messages.length === max
  }

  /** One that cannot be read now is put off. */
  async #read(
    queue: Queue,
    lane: Lane,
    message: Incoming,
    span: Pick<Delivery, 'receivedAt' | 'visibleAt'>,
  ): Promise<Delivery | undefined> {
    try {
      return await this.deps.deliveries.read(queue, lane.name, message, span, patient)
    } catch (error) {
      this.#warn(lane.name, error, 'could not read a message; it is put off')
      await this.deps.deliveries
        .putOff(queue, lane.name, message, patient)
        .catch((cause: unknown) => this.#warn(lane.name, cause, 'could not put it off; it comes when its lease is over'))
      return undefined
    }
  }

  /** To the first who waits for it; else it is kept a moment. */
  #offer(delivery: Delivery, lane: Lane): void {
    const { clock, leases, seen } = this.deps
    const now = clock.now()
    const earlyMs = delivery.job.dueAt - now
    if (this.#closed || earlyMs > EARLY_MS) return this.#giveBack(delivery)
    if (earlyMs > 0) return this.#wait(delivery, lane, earlyMs)
    // Whoever gets it from SQS now may have it.
    if (delivery.visibleAt <= now) return
    const waiter = [...this.#waiters].find((one) => one.wants(lane.name))
    if (waiter === undefined) return this.#keep(delivery, lane)
    if (delivery.visibleAt - now < waiter.leaseMs / 2) return this.#renew(delivery, lane, waiter.leaseMs)
    seen(lane.name, delivery.job.dueAt)
    waiter.leases.push(leases.give(delivery, waiter.leaseMs))
  }

  #wait(delivery: Delivery, lane: Lane, ms: number): void {
    lane.early++
    this.#early.add(delivery)
    this.deps.clock.timer(ms, () => {
      lane.early--
      if (!this.#early.delete(delivery)) return
      this.#offer(delivery, lane)
      for (const waiter of this.#waiters) if (waiter.leases.length > 0) waiter.finish()
    })
  }

  #keep(delivery: Delivery, lane: Lane): void {
    this.#kept.set(delivery, lane)
    this.deps.clock.timer(KEPT_MS, () => {
      if (this.#kept.has(delivery)) this.#giveBack(delivery)
    })
  }

  #renew(delivery: Delivery, lane: Lane, leaseMs: number): void {
    const seconds = visibilitySeconds(leaseMs)
    const visibleAt = this.deps.clock.now() + seconds * 1_000
    this.#track(
      delivery.queue.hide(delivery.incoming.receipt, seconds, patient).then(
        () => {
          this.#offer({ ...delivery, visibleAt }, lane)
          for (const waiter of this.#waiters) if (waiter.leases.length > 0) waiter.finish()
        },
        (error: unknown) => this.#warn(lane.name, error, 'could not keep a message for who waits for it; it comes back'),
      ),
    )
  }

  /** As it was: no attempt more, no start. */
  #giveBack(delivery: Delivery): void {
    this.#kept.delete(delivery)
    this.#early.delete(delivery)
    const { attempt, crashes, job } = delivery
    this.#track(
      this.deps.deliveries
        .back(delivery, { attempt, crashes, dueAt: job.dueAt }, patient)
        .catch((error: unknown) => this.#warn(job.name, error, 'could not give a job back; it comes when its lease is over')),
    )
  }

  #failed(lane: Lane, error: unknown): void {
    lane.busy = false
    if (PortError.is(error, 'NOT_FOUND')) {
      lane.queue = undefined
      this.deps.queues.forget(queueName(this.deps.prefix, lane.name, lane.role))
    }
    if (lane.role === 'later') return this.#warn(lane.name, error, 'could not look after jobs that wait long; trying again')
    for (const waiter of this.#waiters) if (waiter.wants(lane.name)) waiter.fail(error)
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  #warn(job: string, error: unknown, text: string): void {
    this.deps.log.warn({ port: 'jobs', adapter: ADAPTER, job, error: String(error) }, text)
  }
}
