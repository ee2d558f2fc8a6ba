import { type Clock, type DriverCall, type Logger, PortError } from '@pdvend/ports'
import type { DeadLetterBox, PayloadStore } from './bucket/types.js'
import { unpack } from './codec.js'
import { ADAPTER } from './errors.js'
import { MAX_BATCH } from './limits.js'
import { patient } from './patient.js'
import { jobName, queueName, roleOf } from './queues.js'
import type { Incoming, Queue, Queues } from './sqs/queues.js'

/** While a stray is filed, in seconds. */
const FILING_SECONDS = 60
/** Between two looks of a worker, in milliseconds. */
const LOOK_MS = 60_000

export interface StraysDeps {
  readonly queues: Queues
  readonly dead: DeadLetterBox
  readonly payloads: PayloadStore
  readonly clock: Clock
  readonly log: Logger
  readonly prefix: string
}

/**
 * What SQS itself has put into a dead-letter queue, since nobody could settle it: filed with the other dead letters, as `poison`. Such
 * queues cannot be listed, and SQS deletes what is in them after 14 days.
 */
export class Strays {
  readonly #lookAt = new Map<string, number>()
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(private readonly deps: StraysDeps) {}

  /** Looks in the background, now and then. */
  look(names: readonly string[]): void {
    if (this.#closed) return
    const now = this.deps.clock.now()
    const due = names.filter((name) => (this.#lookAt.get(name) ?? 0) <= now)
    for (const name of due) this.#lookAt.set(name, now + LOOK_MS)
    if (due.length > 0) this.#looking = this.#looking.then(() => this.#look(due))
  }

  /** Resolves when what is received is filed; the rest is for the next who looks. */
  close(): Promise<void> {
    this.#closed = true
    return this.#looking
  }

  /** All that is there of one job name, or of all. */
  async file(name: string | undefined, call: DriverCall): Promise<void> {
    const { prefix, queues } = this.deps
    const names =
      name === undefined
        ? (await queues.names(prefix, call)).filter((queue) => roleOf(prefix, queue)?.toLowerCase().endsWith('dead') === true)
        : (['dead', 'keyedDead'] as const).map((role) => queueName(prefix, name, role))
    for (const each of names) {
      const queue = await queues.find(each)
      if (queue !== undefined) await this.#drain(queue, name ?? jobName(prefix, each), call)
    }
  }

  async #look(names: readonly string[]): Promise<void> {
    try {
      for (const name of names) await this.file(name, patient)
    } catch (error) {
      this.deps.log.warn({ port: 'jobs', adapter: ADAPTER, error: String(error) }, 'could not look into the dead-letter queues of SQS')
    }
  }

  async #drain(queue: Queue, name: string, call: DriverCall): Promise<void> {
    while (!this.#closed) {
      const messages = await queue.receive({ max: MAX_BATCH, waitSeconds: 0, visibilitySeconds: FILING_SECONDS })
      if (messages.length === 0) return
      await Promise.all(messages.map((message) => this.#fileOne(queue, name, message, call)))
    }
  }

  async #fileOne(
    queue: Queue,
    name: string,
    { body, attribute, messageId, sentAt, groupId, receipt }: Incoming,
    call: DriverCall,
  ): Promise<void> {
    const { job, payload, attempt } = unpack(body, attribute, { messageId, name, sentAt, groupId })
    const whole = { ...job, payload: payload ?? (await this.deps.payloads.get(job, call)) ?? new Uint8Array() }
    const errors = ['SQS moved it to its dead-letter queue: it was received too often and never settled']
    // By the time of its send, so that filing it again is the same letter.
    await this.deps.dead.file({ job: whole, reason: 'poison', errors, attempts: attempt, diedAt: sentAt }, call)
    await queue.delete(receipt, call).catch((error: unknown) => {
      if (!PortError.is(error, 'LEASE_LOST')) throw error
    })
    if (payload === undefined) await this.deps.payloads.delete(job, call)
  }
}
