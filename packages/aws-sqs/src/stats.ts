import { type Clock, type DriverCall, type JobStats, PortError } from '@pdvend/ports'
import type { DeadLetterBox, NoteBook } from './bucket/types.js'
import type { Deliveries } from './delivery.js'
import { queueName, type QueueRole, roleOf } from './queues.js'
import type { Depth, Queue, Queues } from './sqs/queues.js'

export interface StatsDeps {
  readonly queues: Queues
  readonly notes: NoteBook
  readonly dead: DeadLetterBox
  readonly deliveries: Deliveries
  readonly clock: Clock
  readonly prefix: string
}

/** While the head of a queue is looked at, in seconds. */
const PEEK_SECONDS = 10
/** So long what is known of the oldest holds, in milliseconds: each look counts as a receive for SQS, and leaves a note. */
const KNOWN_MS = 10_000

type Counted = Extract<QueueRole, 'jobs' | 'keyed' | 'later'>

/** The due time of a queue's oldest ready job, as far as this process knows it. */
interface Oldest {
  readonly dueAt: number
  /** When this process sent, received or looked it up: others may have done it since. */
  readonly knownAt: number
}

/**
 * How many jobs there are; none where a queue is not there. SQS counts approximately: a count may be behind by up to a minute, and
 * is right in a quiet queue.
 */
export class Stats {
  /** By the job's name what was sent and received, by the queue's what was looked up. */
  readonly #oldest = new Map<string, Oldest>()

  constructor(private readonly deps: StatsDeps) {}

  /** Jobs were put in. */
  sent(name: string, dueAt: number): void {
    const known = this.#oldest.get(name)
    if (known === undefined || dueAt < known.dueAt) this.#know(name, dueAt)
  }

  /** A job was handed out: what is behind it is about as old. undefined: there was none. */
  seen(name: string, dueAt: number | undefined): void {
    if (dueAt !== undefined) this.#know(name, dueAt)
  }

  #know(name: string, dueAt: number, knownAt = this.deps.clock.now()): void {
    this.#oldest.set(name, { dueAt, knownAt })
  }

  async of(names: readonly string[] | undefined, call: DriverCall): Promise<JobStats> {
    const { dead, clock } = this.deps
    const [queues, deadCount] = await Promise.all([this.#queues(names, call), dead.count(names, call)])
    const depths = await Promise.all(
      queues.map(async ({ name, role, queue }) => ({ name, role, queue, depth: await this.#depth(queue, call) })),
    )
    const total = { ready: 0, delayed: 0, inFlight: 0 }
    for (const { role, depth } of depths) add(total, role, depth)
    const keyedHidden = depths.reduce((sum, { role, depth }) => sum + (role === 'keyed' ? depth.hidden : 0), 0)
    // A job with a key that waits is hidden where it is, and SQS counts it as in flight.
    const waiting = keyedHidden === 0 ? 0 : Math.min(keyedHidden, await this.deps.notes.countDelayed(names, clock.now(), call))
    const oldestAgeMs = total.ready === 0 ? 0 : await this.#oldestAgeMs(depths, call)
    if (total.ready === 0) for (const { name, queue } of depths) for (const each of [name, queue.name]) this.#oldest.delete(each)
    return { ...total, delayed: total.delayed + waiting, inFlight: total.inFlight - waiting, dead: deadCount, oldestAgeMs }
  }

  async #queues(names: readonly string[] | undefined, call: DriverCall): Promise<readonly { name: string; role: Counted; queue: Queue }[]> {
    const { prefix, queues } = this.deps
    const wanted =
      names === undefined
        ? (await queues.names(prefix, call)).map((queue) => ({ name: queue, role: roleOf(prefix, queue), queue }))
        : names.flatMap((name) => COUNTED.map((role) => ({ name, role, queue: queueName(prefix, name, role) })))
    const found = await Promise.all(
      wanted.map(async ({ name, role, queue }) => {
        const open = isCounted(role) ? await queues.find(queue) : undefined
        return open === undefined ? [] : [{ name, role: role as Counted, queue: open }]
      }),
    )
    return found.flat()
  }

  /** One that was deleted since it was found has none. */
  async #depth(queue: Queue, call: DriverCall): Promise<Depth> {
    try {
      return await queue.depth(call)
    } catch (error) {
      if (!PortError.is(error, 'NOT_FOUND')) throw error
      this.deps.queues.forget(queue.name)
      return { visible: 0, delayed: 0, hidden: 0 }
    }
  }

  async #oldestAgeMs(depths: readonly { name: string; role: Counted; queue: Queue; depth: Depth }[], call: DriverCall): Promise<number> {
    const { clock } = this.deps
    const due = await Promise.all(
      depths
        .filter(({ role, depth }) => role !== 'later' && depth.visible > 0)
        .map(async ({ name, queue }) => {
          const known = [name, queue.name]
            .map((each) => this.#oldest.get(each))
            .find((each) => each && clock.now() - each.knownAt < KNOWN_MS)
          return known?.dueAt ?? (await this.#peek(name, queue, call)) ?? clock.now()
        }),
    )
    return Math.max(0, clock.now() - Math.min(...due))
  }

  /** Takes the head, notes that this was no start, and shows it again. */
  async #peek(name: string, queue: Queue, call: DriverCall): Promise<number | undefined> {
    const { clock, deliveries } = this.deps
    const [head] = await queue.receive({ max: 1, waitSeconds: 0, visibilitySeconds: PEEK_SECONDS })
    if (head === undefined) return undefined
    const receivedAt = clock.now()
    const delivery = await deliveries.read(queue, name, head, { receivedAt, visibleAt: receivedAt + PEEK_SECONDS * 1_000 }, call)
    if (delivery === undefined) return undefined
    const { attempt, crashes, job } = delivery
    await deliveries.noteAndShow(delivery, { attempt, crashes, dueAt: job.dueAt }, call).catch((error: unknown) => {
      if (!PortError.is(error, 'LEASE_LOST')) throw error
    })
    this.#know(queue.name, job.dueAt, receivedAt)
    return job.dueAt
  }
}

const COUNTED: readonly Counted[] = ['jobs', 'keyed', 'later']

function isCounted(role: QueueRole | undefined): role is Counted {
  return COUNTED.includes(role as Counted)
}

function add(total: { ready: number; delayed: number; inFlight: number }, role: Counted, { visible, delayed, hidden }: Depth): void {
  if (role === 'later') total.delayed += visible + delayed + hidden
  else {
    total.ready += visible
    total.delayed += delayed
    total.inFlight += hidden
  }
}
