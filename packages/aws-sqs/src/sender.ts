import { createHash } from 'node:crypto'
import { type Clock, type DriverCall, type DriverEnqueueOutcome, type DriverJob, invalid, PortError } from '@pdvend/ports'
import { firstBatch } from './batcher.js'
import type { ClaimBook, PayloadStore } from './bucket/types.js'
import { type Carried, pack, type Packed } from './codec.js'
import { ADAPTER } from './errors.js'
import { MAX_BATCH, MAX_DELAY_SECONDS, MAX_KEYED_AGE_MS, MAX_MESSAGE_BYTES } from './limits.js'
import { queueName, type QueueRole } from './queues.js'
import type { Outgoing, Queue, Queues } from './sqs/queues.js'

export interface SenderDeps {
  readonly queues: Queues
  readonly payloads: PayloadStore
  readonly claims: ClaimBook
  readonly clock: Clock
  readonly prefix: string
  readonly offloadBytes: number
}

export interface SendOptions {
  /** The payload lies in the bucket already: the job's own one is not looked at. */
  readonly inBucket?: boolean
  /** Default: the job's id. */
  readonly deduplicationId?: string
}

/** Puts jobs into the queues where they belong. */
export class Sender {
  constructor(private readonly deps: SenderDeps) {}

  /** Resolves when SQS has it for good. */
  async send(carried: Carried, call: DriverCall, options: SendOptions = {}): Promise<void> {
    const { job } = carried
    const [role, message] = await this.#message(carried, call, options)
    await (await this.queue(job.name, role)).send(message, call)
  }

  /**
   * One outcome a job, in order. Jobs of one queue go in their order, one batch after the other. Throws where none is in, and one
   * error says it all.
   */
  async enqueue(jobs: readonly DriverJob[], call: DriverCall): Promise<readonly DriverEnqueueOutcome[]> {
    const outcomes: DriverEnqueueOutcome[] = []
    await Promise.all(
      Array.from(linesOf(jobs, this.#placeOf), ([line, indexes]) =>
        line.startsWith(BATCHED) ? this.#inBatches(jobs, indexes, outcomes, call) : this.#oneByOne(jobs, indexes, outcomes, call),
      ),
    )
    const failures = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []))
    const [first, ...others] = failures
    if (failures.length === jobs.length && first !== undefined && others.every((other) => alike(first, other))) throw first
    return outcomes
  }

  /** @throws NOT_FOUND naming the mend */
  async queue(name: string, role: QueueRole): Promise<Queue> {
    try {
      return await this.deps.queues.get(queueName(this.deps.prefix, name, role))
    } catch (error) {
      if (role === 'keyed' && PortError.is(error, 'NOT_FOUND'))
        throw error.with({ detail: `there is no queue for jobs "${name}" with a key: pdvend provision makes it (${name}:keyed)` })
      throw error
    }
  }

  readonly #placeOf = ({ name, key, dueAt }: DriverJob): QueueRole => this.#place({ name, key, dueAt }).role

  #place({ key, dueAt }: Pick<DriverJob, 'name' | 'dueAt'> & { readonly key?: string | undefined }): {
    role: QueueRole
    delaySeconds?: number
  } {
    if (key !== undefined) return { role: 'keyed' }
    const waitMs = dueAt - this.deps.clock.now()
    if (waitMs <= 0) return { role: 'jobs' }
    const delaySeconds = wholeSeconds(waitMs)
    return delaySeconds <= MAX_DELAY_SECONDS ? { role: 'jobs', delaySeconds } : { role: 'later', delaySeconds: MAX_DELAY_SECONDS }
  }

  async #message(
    carried: Carried,
    call: DriverCall,
    { inBucket = false, deduplicationId }: SendOptions = {},
  ): Promise<[QueueRole, Outgoing]> {
    const { job } = carried
    const { role, delaySeconds } = this.#place(job)
    const packed = pack(carried, inBucket ? 0 : this.deps.offloadBytes)
    if (packed.offloaded && !inBucket)
      await this.deps.payloads.put(job, job.payload, call).catch((error: unknown) => {
        throw notSent(error as Error)
      })
    return [role, outgoing(packed, job, delaySeconds, deduplicationId)]
  }

  async #inBatches(
    jobs: readonly DriverJob[],
    indexes: readonly number[],
    outcomes: DriverEnqueueOutcome[],
    call: DriverCall,
  ): Promise<void> {
    const waiting: { readonly at: number; readonly message: Outgoing }[] = []
    /** Groups of which one job failed: what comes after it must not overtake it. */
    const failed = new Map<string, Error>()
    const refuse = (at: number, error: Error): void => {
      outcomes[at] = { error }
      const { key } = jobs[at]!
      if (key !== undefined) failed.set(key, error)
    }
    try {
      const first = jobs[indexes[0]!]!
      const queue = await this.queue(first.name, this.#placeOf(first))
      for (const at of indexes) {
        const error = tooFar(jobs[at]!, this.deps.clock.now())
        if (error === undefined) waiting.push({ at, message: (await this.#message(fresh(jobs[at]!), call))[1] })
        else outcomes[at] = { error }
      }
      while (waiting.length > 0) {
        const batch = waiting.splice(
          0,
          firstBatch(
            waiting.slice(0, MAX_BATCH).map(({ message }) => message.bytes),
            MAX_BATCH,
            MAX_MESSAGE_BYTES,
          ),
        )
        const sent = batch.filter(({ at }) => {
          const error = failed.get(jobs[at]!.key ?? '')
          if (error !== undefined) outcomes[at] = { error: notSent(error) }
          return error === undefined
        })
        if (sent.length === 0) continue
        const answers = await queue.sendBatch(
          sent.map(({ message }) => message),
          call,
        )
        for (const [index, { at }] of sent.entries()) {
          const error = answers[index]
          if (error === undefined) outcomes[at] = { id: jobs[at]!.id, duplicate: false }
          else refuse(at, overtaken(error, jobs, sent.slice(index + 1), answers.slice(index + 1), at))
        }
      }
    } catch (error) {
      for (const at of indexes) outcomes[at] ??= { error: error as Error }
    }
  }

  /** Jobs with a dedupe key, and those that share a key with one. */
  async #oneByOne(
    jobs: readonly DriverJob[],
    indexes: readonly number[],
    outcomes: DriverEnqueueOutcome[],
    call: DriverCall,
  ): Promise<void> {
    let failure: Error | undefined
    for (const at of indexes) {
      const job = jobs[at]!
      const error = tooFar(job, this.deps.clock.now()) ?? (failure === undefined ? undefined : notSent(failure))
      if (error !== undefined) {
        outcomes[at] = { error }
        continue
      }
      const send = (one: DriverJob): Promise<void> => this.send(fresh(one), call)
      try {
        if (job.dedupe === undefined) await send(job)
        outcomes[at] = job.dedupe === undefined ? { id: job.id, duplicate: false } : await this.deps.claims.enqueue(job, send, call)
      } catch (thrown) {
        failure = thrown as Error
        outcomes[at] = { error: failure }
      }
    }
  }
}

/**
 * Seconds that SQS is to hold a message back: so many that it is never late, and up to a second early, which the receiver waits for.
 * At least one, so that it counts as delayed.
 */
export function wholeSeconds(waitMs: number): number {
  return Math.max(1, Math.floor(waitMs / 1_000))
}

/** A key as a message group: as it is where SQS takes its characters, else its SHA-256. */
export function groupOf(key: string): string {
  return /^[\x21-\x7e]{1,128}$/.test(key) ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`
}

function outgoing({ body, attribute, bytes }: Packed, { id, key }: DriverJob, delaySeconds?: number, deduplicationId = id): Outgoing {
  return {
    body,
    attribute,
    bytes,
    ...(delaySeconds === undefined ? {} : { delaySeconds }),
    ...(key === undefined ? {} : { groupId: groupOf(key), deduplicationId }),
  }
}

const BATCHED = 'batch '

/** Which jobs have to go in their order. */
function linesOf(jobs: readonly DriverJob[], placeOf: (job: DriverJob) => QueueRole): ReadonlyMap<string, readonly number[]> {
  const careful = new Set(jobs.flatMap(({ name, key, dedupe }) => (dedupe === undefined || key === undefined ? [] : [`${name} ${key}`])))
  const lines = new Map<string, number[]>()
  for (const [at, job] of jobs.entries()) {
    const { name, key, dedupe } = job
    const keyed = key !== undefined && careful.has(`${name} ${key}`)
    const line = keyed ? `key ${name} ${key}` : dedupe === undefined ? `${BATCHED}${name} ${placeOf(job)}` : `dedupe ${name} ${dedupe.key}`
    lines.set(line, [...(lines.get(line) ?? []), at])
  }
  return lines
}

function fresh(job: DriverJob): Carried {
  return { job, attempt: 1, crashes: 0 }
}

/** A job with a key waits as the head of its group, and SQS deletes what has waited for 14 days. */
function tooFar({ key, dueAt }: DriverJob, now: number): PortError | undefined {
  if (key === undefined || dueAt - now <= MAX_KEYED_AGE_MS) return undefined
  return invalid('delayMs', dueAt - now, `a job with a key waits at most ${MAX_KEYED_AGE_MS} ms (12 days) in SQS`, {
    adapter: ADAPTER,
    operation: 'enqueue',
  })
}

/** Of a job that stayed here, because of its payload or of one before it of its key. */
function notSent(error: Error): Error {
  return PortError.is(error) ? error.with({ outcome: 'not-applied' }) : error
}

/** The same is to be done about both. */
function alike(a: Error, b: Error): boolean {
  if (!PortError.is(a) || !PortError.is(b)) return a === b
  return a.code === b.code && a.outcome === b.outcome && a.retryable === b.retryable
}

/** One that failed while a later one of its key is in cannot be tried again: it would run after that. */
function overtaken(
  error: Error,
  jobs: readonly DriverJob[],
  later: readonly { readonly at: number }[],
  answers: readonly (Error | undefined)[],
  at: number,
): Error {
  const { key } = jobs[at]!
  const passed = key !== undefined && later.some((one, index) => answers[index] === undefined && jobs[one.at]!.key === key)
  return passed && PortError.is(error) ? error.with({ retryable: false }) : error
}
