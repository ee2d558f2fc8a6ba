import { type Clock, type DriverCall, type DriverJob, type Logger, PortError } from '@pdvend/ports'
import type { DeadLetterBox, NoteBook, PayloadStore } from './bucket/types.js'
import { unpack } from './codec.js'
import { ADAPTER } from './errors.js'
import { MAX_KEYED_AGE_MS, MAX_VISIBILITY_SECONDS } from './limits.js'
import { type Sender, wholeSeconds } from './sender.js'
import type { Incoming, Queue } from './sqs/queues.js'

/** A message that this process has, hidden from all others. */
export interface Delivery {
  readonly queue: Queue
  readonly incoming: Incoming
  readonly job: DriverJob
  readonly attempt: number
  readonly crashes: number
  /** The payload lies in the bucket. */
  readonly offloaded: boolean
  /** A note of it may lie in the bucket. */
  readonly noted: boolean
  readonly receivedAt: number
  /** From then on others may get it, in milliseconds since the epoch. */
  readonly visibleAt: number
}

/** How a job comes back. */
export interface Return {
  readonly attempt: number
  readonly crashes: number
  readonly dueAt: number
}

export interface DeliveryDeps {
  readonly sender: Sender
  readonly notes: NoteBook
  readonly payloads: PayloadStore
  readonly dead: DeadLetterBox
  readonly clock: Clock
  readonly log: Logger
}

/** Reads messages, and says what becomes of them: back into the line, gone, or dead. */
export class Deliveries {
  /** Messages whose copy is on its way already, so that a settle that is tried again does not send a second one. */
  readonly #copied = new WeakSet<Delivery>()
  /** By message: receives that ended before it could be read, which were no starts. */
  readonly #unread = new Map<string, number>()

  constructor(private readonly deps: DeliveryDeps) {}

  /** undefined: its payload is lost, and it is a dead letter now. */
  async read(
    queue: Queue,
    name: string,
    incoming: Incoming,
    span: Pick<Delivery, 'receivedAt' | 'visibleAt'>,
    call: DriverCall,
  ): Promise<Delivery | undefined> {
    const { body, attribute, messageId, sentAt, groupId, receives } = incoming
    const unpacked = unpack(body, attribute, { messageId, name, sentAt, groupId })
    const offloaded = unpacked.payload === undefined
    const [found, stored] = await Promise.all([
      receives > 1 ? this.deps.notes.read(unpacked.job, call) : undefined,
      offloaded ? this.deps.payloads.get(unpacked.job, call) : undefined,
    ])
    const note = found?.message === messageId ? found : undefined
    const payload = unpacked.payload ?? stored
    const { attempt, crashes, receives: told, dueAt } = note ?? { ...unpacked, receives: 0, dueAt: unpacked.job.dueAt }
    const delivery: Delivery = {
      queue,
      incoming,
      job: { ...unpacked.job, dueAt, payload: payload ?? new Uint8Array() },
      attempt,
      crashes: crashes + Math.max(0, receives - 1 - told - (this.#unread.get(messageId) ?? 0)),
      offloaded,
      noted: found !== undefined,
      ...span,
    }
    if (payload !== undefined) return delivery
    const errors = ['its payload is not in the bucket: it was deleted there, or the job has run before and this is its second message']
    await this.bury(delivery, { reason: 'unparsable', errors, diedAt: this.deps.clock.now() }, call)
    return undefined
  }

  /**
   * What cannot be read now, since the bucket does not answer, is looked at again a little later. That it was received is no start:
   * without a key a new message says so, with one this process remembers it.
   */
  async putOff(queue: Queue, name: string, incoming: Incoming, call: DriverCall): Promise<void> {
    const { body, attribute, messageId, sentAt, groupId, receipt } = incoming
    const { job, payload, attempt, crashes } = unpack(body, attribute, { messageId, name, sentAt, groupId })
    if (job.key !== undefined) {
      this.#unread.set(messageId, (this.#unread.get(messageId) ?? 0) + 1)
      if (this.#unread.size > MAX_UNREAD) this.#unread.delete(this.#unread.keys().next().value!)
      return queue.hide(receipt, PUT_OFF_MS / 1_000, call)
    }
    const again = { ...job, payload: payload ?? new Uint8Array(), dueAt: Math.max(job.dueAt, this.deps.clock.now() + PUT_OFF_MS) }
    await this.deps.sender.send({ job: again, attempt, crashes }, call, { inBucket: payload === undefined })
    await queue.delete(receipt, call)
  }

  /**
   * Back into the line. Without a key: a new message, which SQS can delay, and the old one is deleted; who dies between the two
   * leaves the job twice, never lost. With a key the message stays, for its place counts: a note says what has become of it.
   */
  async back(delivery: Delivery, to: Return, call: DriverCall): Promise<void> {
    const { queue, incoming, job, offloaded } = delivery
    if (job.key !== undefined) return this.#backInPlace(delivery, to, call)
    const { attempt, crashes, dueAt } = to
    if (!this.#copied.has(delivery))
      await this.deps.sender.send({ job: { ...job, dueAt }, attempt, crashes }, call, { inBucket: offloaded })
    this.#copied.add(delivery)
    await queue.delete(incoming.receipt, call)
    if (delivery.noted) await this.#tidy(this.deps.notes.remove(job, call), job)
  }

  /** It is shown again, and what is to be known of it is in a note. */
  async noteAndShow(delivery: Delivery, { attempt, crashes, dueAt }: Return, call: DriverCall): Promise<void> {
    const { queue, incoming, job, receivedAt } = delivery
    const now = this.deps.clock.now()
    const longest = MAX_VISIBILITY_SECONDS - Math.ceil((now - receivedAt) / 1_000) - 1
    const seconds = dueAt <= now ? 0 : Math.min(wholeSeconds(dueAt - now), longest)
    await this.deps.notes.write(job, { message: incoming.messageId, attempt, crashes, receives: incoming.receives, dueAt }, call)
    this.#unread.delete(incoming.messageId)
    await queue.hide(incoming.receipt, Math.max(0, seconds), call)
  }

  /** Done: nothing of it stays. */
  async drop(delivery: Delivery, call: DriverCall): Promise<void> {
    const { queue, incoming, job, noted, offloaded } = delivery
    await queue.delete(incoming.receipt, call)
    this.#unread.delete(incoming.messageId)
    if (noted) await this.#tidy(this.deps.notes.remove(job, call), job)
    if (offloaded) await this.#tidy(this.deps.payloads.delete(job, call), job)
  }

  /** To the dead letters: stored there first. */
  async bury(
    delivery: Delivery,
    {
      reason,
      errors,
      diedAt,
    }: { readonly reason: Parameters<DeadLetterBox['file']>[0]['reason']; readonly errors: readonly string[]; readonly diedAt: number },
    call: DriverCall,
  ): Promise<void> {
    const { job, attempt } = delivery
    await this.deps.dead.file({ job, reason, errors, attempts: attempt, diedAt }, call)
    await this.drop(delivery, call)
  }

  async #backInPlace(delivery: Delivery, to: Return, call: DriverCall): Promise<void> {
    const ageMs = to.dueAt - delivery.incoming.sentAt
    if (ageMs <= MAX_KEYED_AGE_MS + DAY_MS) return this.noteAndShow(delivery, to, call)
    const errors = [
      `its next try would come ${Math.round(ageMs / DAY_MS)} days after it was sent, and SQS deletes what is older than 14 days`,
    ]
    await this.bury(delivery, { reason: 'expired', errors, diedAt: this.deps.clock.now() }, call)
  }

  /** The job itself is settled: what could not be cleared away costs a little room, and is told. */
  async #tidy(work: Promise<void>, job: DriverJob): Promise<void> {
    await work.catch((error: unknown) =>
      this.deps.log.warn(
        { port: 'jobs', adapter: ADAPTER, job: job.name, id: job.id, error: String(error) },
        'could not clear away what a settled job left in the bucket',
      ),
    )
  }
}

const DAY_MS = 86_400_000
/** Until a message that could not be read is looked at again. */
const PUT_OFF_MS = 3_000
/** Messages whose unread receives are remembered. */
const MAX_UNREAD = 10_000

/** @returns the error of a lease that is no longer this process's */
export function leaseLost(job: Pick<DriverJob, 'id' | 'name'>, operation: string, detail: string): PortError {
  return new PortError('LEASE_LOST', { adapter: ADAPTER, operation, target: job.id, detail: `the lease of ${job.name}: ${detail}` })
}
