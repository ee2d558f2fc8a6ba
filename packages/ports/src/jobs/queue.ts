import type { CallOptions } from '../call.js'
import { Calls, type PortOptions } from '../calls.js'
import { effective } from '../capabilities.js'
import type { JobDefinition } from '../define.js'
import { invalid, PortError } from '../errors.js'
import type { InputOf, StandardSchema } from '../schema.js'
import { DeadLetters } from './dead.js'
import type { JobCapabilities, JobDriver } from './driver.js'
import { type EnqueueItem, prepare, type PreparedJob, seal } from './enqueue.js'
import type { JobEvent } from './events.js'
import type { Handler } from './handler.js'
import { sendAll } from './send.js'
import { depthGauge, messaging } from './trace.js'
import type { EnqueueOptions, EnqueueOutcome, JobReceipt, JobState, JobStats } from './types.js'
import { JobWorker, type Worker, type WorkOptions } from './worker.js'

export interface JobQueueOptions extends PortOptions {
  /** What the adapter's manifest declares; the driver may have measured less. Default: everything. */
  readonly capabilities?: JobCapabilities
  /** CloudEvents source of the jobs, e.g. `/pos/till`. Default `/pdvend`. */
  readonly source?: string
  /** Length of a lease in milliseconds, 100 to the engine's bound: after so long a killed worker's jobs run elsewhere. Renewed while the handler runs. Default 30,000. */
  readonly leaseMs?: number
  /** What happens to jobs in this process; must not throw, and is not waited for [Q38]. */
  readonly onEvent?: (event: JobEvent) => void
  /** Takes more out of a failed job's error lines than the built-in redaction does. A line on which it throws is not stored. */
  readonly redact?: (line: string) => string
}

const ALL: JobCapabilities = { delay: true, fifo: true, dedupe: true, priority: true, lookup: true }

/**
 * The app's face of the job queue. At least once: a job that `enqueue` has resolved for is never lost, and may run twice
 * after a crash. All checks come before any I/O.
 */
export class JobQueue implements AsyncDisposable {
  readonly capabilities: JobCapabilities
  readonly dead: DeadLetters
  readonly #driver: JobDriver
  readonly #calls: Calls
  readonly #options: JobQueueOptions
  readonly #leaseMs: number
  readonly #workers = new Map<JobWorker, () => void>()
  #paused = false
  #closing: Promise<void> | undefined

  constructor(driver: JobDriver, options: JobQueueOptions = {}) {
    this.#driver = driver
    this.#options = options
    this.#calls = new Calls('jobs', options)
    this.#leaseMs = options.leaseMs ?? Math.min(30_000, driver.limits.maxLeaseMs)
    if (!(this.#leaseMs >= 100 && this.#leaseMs <= driver.limits.maxLeaseMs))
      throw invalid('leaseMs', options.leaseMs, `give milliseconds from 100 to ${driver.limits.maxLeaseMs}`)
    this.capabilities = effective(ALL, options.capabilities, driver.capabilities)
    this.dead = new DeadLetters(driver, this.#calls)
  }

  /**
   * Puts one job in; resolves when the engine has it for good. A reply that was lost is an error with outcome `unknown`
   * unless a `dedupeKey` makes the repetition safe.
   * @throws INVALID_ARGUMENT [Q81] | TOO_LARGE [Q13] | UNSUPPORTED | UNAVAILABLE | CLOSED
   */
  async enqueue<S extends StandardSchema>(
    job: JobDefinition<S>,
    input: InputOf<S>,
    options: EnqueueOptions & CallOptions = {},
  ): Promise<JobReceipt> {
    this.#open('enqueue')
    const prepared = await this.#prepare(job, input, options)
    const [outcome] = await this.#send([prepared], options, 'enqueue')
    if (outcome?.error !== undefined) throw outcome.error
    return { id: outcome!.id, duplicate: outcome!.duplicate }
  }

  /**
   * Puts many jobs in, in as many batches as the engine needs [Q9]; one outcome an item, in order [Q8]. Rejects only when
   * the queue is closed. Across batches an earlier item may be in while a later one failed.
   */
  async enqueueMany<const S extends readonly StandardSchema[]>(
    items: readonly [...{ readonly [K in keyof S]: EnqueueItem<S[K]> }],
    options: CallOptions = {},
  ): Promise<readonly EnqueueOutcome[]> {
    this.#open('enqueueMany')
    const outcomes: (EnqueueOutcome | undefined)[] = []
    const good: { readonly at: number; readonly prepared: PreparedJob }[] = []
    for (const [at, item] of (items as readonly EnqueueItem[]).entries()) {
      try {
        if (typeof item !== 'object' || item === null) throw invalid(`items[${at}]`, item, 'give { job, input }')
        good.push({ at, prepared: await this.#prepare(item.job, item.input, item) })
      } catch (error) {
        outcomes[at] = { error: PortError.is(error) ? error : this.#calls.error('INTERNAL', 'enqueueMany', String(error)) }
      }
    }
    const sent = await this.#send(
      good.map(({ prepared }) => prepared),
      options,
      'enqueueMany',
    )
    for (const [index, { at }] of good.entries()) outcomes[at] = sent[index]!
    return outcomes as EnqueueOutcome[]
  }

  /**
   * Starts a worker: `work([handle(issueReceipt, async (input, job) => ...)])`. It takes only jobs that it has a handler
   * for [Q12]. Several workers, in this process or others, share the jobs.
   * @throws INVALID_ARGUMENT | CLOSED
   */
  work(handlers: readonly Handler[], options: WorkOptions = {}): Worker {
    this.#open('work')
    const deps = {
      driver: this.#driver,
      calls: this.#calls,
      capabilities: this.capabilities,
      leaseMs: this.#leaseMs,
      redact: this.#options.redact,
      emit: (event: JobEvent) => this.#emit(event),
    }
    const worker = new JobWorker(handlers, options, deps, this.#paused)
    const names = handlers.map(({ job }) => job.name)
    const stopGauge = depthGauge(this.#calls.adapter, names, async (name) => {
      const { ready, delayed, inFlight, dead } = await this.stats(name)
      return { ready, delayed, inFlight, dead }
    })
    this.#workers.set(worker, stopGauge)
    return {
      get running() {
        return worker.running
      },
      get concurrency() {
        return worker.concurrency
      },
      set concurrency(value) {
        worker.concurrency = value
      },
      close: (o) => this.#end(worker, o),
      [Symbol.asyncDispose]: () => this.#end(worker),
    }
  }

  /** Counts over all jobs, or of one name [Q89]. */
  async stats(name?: string, options: CallOptions = {}): Promise<JobStats> {
    return this.#calls.run({ operation: 'stats', options }, (call) => this.#driver.stats(name === undefined ? undefined : [name], call))
  }

  /** Where a job stands, with its progress [Q90]; undefined when it is unknown or was done so long ago that it is forgotten. Needs `lookup`. */
  async find(id: string, options: CallOptions = {}): Promise<JobState | undefined> {
    this.#calls.require(this.capabilities, 'lookup', 'find')
    if (typeof id !== 'string' || id === '' || id.length > 128) throw invalid('id', id, "give a job's id")
    return this.#calls.run({ operation: 'find', target: id, options }, (call) => this.#driver.find!(id, call))
  }

  /** Stops this queue's workers from starting jobs; what runs goes on. Workers of other processes are not touched [Q69]. */
  async pause(): Promise<void> {
    this.#open('pause')
    this.#paused = true
    await Promise.all([...this.#workers.keys()].map((worker) => worker.pause()))
  }

  /** Lets this queue's workers go on. */
  async resume(): Promise<void> {
    this.#open('resume')
    this.#paused = false
    for (const worker of this.#workers.keys()) worker.resume()
  }

  /** Asks the engine for a sign of life. */
  async ping(options: CallOptions = {}): Promise<void> {
    await this.#calls.run({ operation: 'ping', options }, (call) => this.#driver.ping(call))
  }

  /** Drains all workers at once, then disconnects; handlers may still enqueue meanwhile. Idempotent; afterwards every call is refused with CLOSED [Q74]. */
  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(options: { readonly drainMs?: number }): Promise<void> {
    await Promise.all([...this.#workers.keys()].map((worker) => this.#end(worker, options)))
    this.#calls.shut()
    await this.#driver.close()
  }

  async #end(worker: JobWorker, options: { readonly drainMs?: number } = {}): Promise<void> {
    await worker.close(options)
    this.#workers.get(worker)?.()
    this.#workers.delete(worker)
  }

  #open(operation: string): void {
    const refused = this.#calls.closed || (this.#closing !== undefined && operation === 'work')
    if (refused) throw this.#calls.error('CLOSED', operation, 'the job queue is closed')
  }

  #prepare<S extends StandardSchema>(job: JobDefinition<S>, input: InputOf<S>, options: EnqueueOptions): Promise<PreparedJob> {
    const { clock } = this.#calls
    return prepare(job, input, options, {
      now: Math.floor(clock.now()),
      needs: (capability) => this.#calls.require(this.capabilities, capability, 'enqueue'),
    })
  }

  async #send(prepared: readonly PreparedJob[], options: CallOptions, operation: string): Promise<readonly EnqueueOutcome[]> {
    const names = new Set(prepared.map(({ job }) => job.name))
    const name = names.size === 1 ? [...names][0]! : '(many)'
    const outcomes = await sendAll(prepared, {
      driver: this.#driver,
      calls: this.#calls,
      seal: (job) => seal(job, this.#driver.limits, this.#options.source),
      spec: {
        operation,
        options,
        kind: 'producer',
        spanName: `send ${name}`,
        attributes: {
          ...messaging(this.#calls.adapter, 'send', name),
          ...(prepared.length === 1
            ? { 'messaging.message.id': prepared[0]!.job.id }
            : { 'messaging.batch.message_count': prepared.length }),
        },
      },
    })
    if (this.#options.onEvent !== undefined)
      for (const [at, outcome] of outcomes.entries())
        if (outcome.error === undefined)
          this.#emit({ type: 'enqueued', id: outcome.id, name: prepared[at]!.job.name, duplicate: outcome.duplicate })
    return outcomes
  }

  #emit(event: JobEvent): void {
    try {
      this.#options.onEvent?.(event)
    } catch (error) {
      this.#calls.log.error({ port: 'jobs', event: event.type, error: String(error) }, 'onEvent threw')
    }
  }
}
