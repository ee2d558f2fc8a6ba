import { type Clock, type DriverCall, type Logger } from '@pdvend/ports'
import { unpack } from './codec.js'
import { ADAPTER } from './errors.js'
import { MAX_BATCH, MAX_DELAY_SECONDS, MAX_VISIBILITY_SECONDS, RENEW_AGE_MS } from './limits.js'
import { patient } from './patient.js'
import type { Sender } from './sender.js'
import type { Incoming, Queue } from './sqs/queues.js'

/** While a message is looked at, in seconds. */
const LOOK_SECONDS = 60
/** So long before its time a job is moved to its queue, which delays it to the second; more than a poll and a late worker take. */
const LEAD_SECONDS = MAX_DELAY_SECONDS - 300

export interface LaterDeps {
  readonly sender: Sender
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Jobs that wait longer than SQS can delay a message. Whoever works on their name receives them now and then, and hides them again
 * until shortly before their time; then they are sent to their queue, and deleted here. Each step sends before it deletes: who dies
 * between leaves a job twice, never lost, and never early.
 */
export class Later {
  constructor(private readonly deps: LaterDeps) {}

  /** Resolves, when all is looked after that came, with whether there may be more. */
  async poll(queue: Queue, name: string, waitSeconds: number): Promise<boolean> {
    const messages = await queue.receive({ max: MAX_BATCH, waitSeconds, visibilitySeconds: LOOK_SECONDS })
    await Promise.all(
      messages.map((message) =>
        this.hop(queue, name, message, patient).catch((error: unknown) =>
          this.deps.log.warn(
            { port: 'jobs', adapter: ADAPTER, job: name, error: String(error) },
            'could not move a job that waits; trying again',
          ),
        ),
      ),
    )
    return messages.length === MAX_BATCH
  }

  async hop(queue: Queue, name: string, { body, attribute, messageId, sentAt, receipt }: Incoming, call: DriverCall): Promise<void> {
    const { job, payload, attempt, crashes } = unpack(body, attribute, { messageId, name, sentAt })
    const now = this.deps.clock.now()
    const waitSeconds = (job.dueAt - now) / 1_000
    const old = now - sentAt >= RENEW_AGE_MS
    if (waitSeconds > MAX_DELAY_SECONDS && !old) {
      const seconds = Math.min(MAX_VISIBILITY_SECONDS - LOOK_SECONDS, Math.floor(waitSeconds) - LEAD_SECONDS)
      return queue.hide(receipt, seconds, call)
    }
    // By its time it goes to its queue, or here again.
    await this.deps.sender.send({ job: { ...job, payload: payload ?? new Uint8Array() }, attempt, crashes }, call, {
      inBucket: payload === undefined,
    })
    await queue.delete(receipt, call)
  }
}
