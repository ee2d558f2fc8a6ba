import type { Calls } from '../calls.js'
import type { ClockTimer } from '../clock.js'
import { withContextOf } from '../context.js'
import { decodeEnvelope, type Envelope } from '../envelope.js'
import { PortError } from '../errors.js'
import { decodeJson, encodeJson } from '../json.js'
import { validate } from '../schema.js'
import type { JobCapabilities, JobDriver, Lease, Settlement } from './driver.js'
import type { Handler, JobContext } from './handler.js'
import type { HeldLease, LeaseKeeper } from './lease.js'
import { type AbortKind, decide, type Ending, MAX_CRASHES, storedErrors } from './outcome.js'
import { processSpan } from './trace.js'
import { checkedDelayMs } from './verdict.js'

/** How long a handler whose signal has aborted may take to end before it is left behind, in milliseconds. */
const GRACE_MS: Readonly<Record<AbortKind, number>> = { timeout: 5_000, lease: 5_000, drain: 1_000 }

/** Longest run of one attempt where the definition says nothing. */
const DEFAULT_TIMEOUT_MS = 60_000

/** What an attempt works with. */
export interface AttemptDeps {
  readonly driver: JobDriver
  readonly calls: Calls
  readonly capabilities: JobCapabilities
  readonly keeper: LeaseKeeper
  readonly redact: ((line: string) => string) | undefined
}

/** One run of one job by one worker: from its bytes to what shall become of it. It never throws. */
export class Attempt implements HeldLease {
  expiresAt: number
  /** Made when the handler first asks for its signal: most never do. */
  #abort: AbortController | undefined
  #aborted: { readonly kind: AbortKind; readonly reason: PortError } | undefined
  #leaveBehind: (() => void) | undefined
  #timer: ClockTimer | undefined
  #deadline = 0

  constructor(
    readonly lease: Lease,
    readonly handler: Handler | undefined,
    private readonly deps: AttemptDeps,
  ) {
    this.expiresAt = lease.expiresAt
  }

  get lost(): boolean {
    return this.#aborted?.kind === 'lease'
  }

  readonly onLost = (reason: PortError): void => this.stop('lease', reason)

  /** Aborts the handler's signal; after the grace it is no longer waited for. The first reason stays, but a lost lease wins. */
  stop(kind: AbortKind, reason: PortError): void {
    if (this.#aborted !== undefined) {
      if (kind === 'lease') this.#aborted = { kind, reason }
      return
    }
    this.#aborted = { kind, reason }
    this.#abort?.abort(reason)
    this.#timer?.cancel()
    this.#timer = this.deps.calls.clock.timer(GRACE_MS[kind], () => this.#leaveBehind?.())
  }

  /** Runs the handler and says how to settle; undefined when the lease is lost. */
  async run(): Promise<Settlement | undefined> {
    const { lease, handler } = this
    if (handler === undefined) return { kind: 'release', delayMs: 1_000 }
    if (lease.crashes >= MAX_CRASHES)
      return { kind: 'dead', reason: 'poison', errors: [`${lease.crashes} workers died or lost the lease while they ran this job`] }
    let envelope: Envelope
    try {
      envelope = decodeEnvelope(lease.job.payload)
      if (envelope.type !== lease.job.name)
        throw new PortError('INVALID_ARGUMENT', { detail: `the envelope is of ${envelope.type}, its queue is ${lease.job.name}` })
    } catch (error) {
      return { kind: 'dead', reason: 'unparsable', errors: storedErrors(error, this.deps.redact) }
    }
    return processSpan(this.deps.calls.adapter, lease.job, lease.attempt, envelope, () =>
      withContextOf(envelope.context, () => this.#validatedRun(handler, envelope)),
    )
  }

  async #validatedRun(handler: Handler, envelope: Envelope): Promise<Settlement | undefined> {
    let input: unknown
    try {
      input = await validate(handler.job.input, envelope.data, `input of job ${handler.job.name}`)
    } catch (error) {
      return { kind: 'dead', reason: 'invalid', errors: storedErrors(error, this.deps.redact) }
    }
    if (this.#aborted === undefined) this.#limit(handler.job.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    const ending = await this.#ending(handler, input, envelope)
    this.#leaveBehind = undefined
    this.#timer?.cancel()
    return decide({
      lease: this.lease,
      ending,
      ...(this.#aborted === undefined ? {} : { aborted: this.#aborted }),
      retry: handler.job.retry,
      random: this.deps.calls.random,
      redact: this.deps.redact,
    })
  }

  async #ending(handler: Handler, input: unknown, envelope: Envelope): Promise<Ending> {
    const run = async (): Promise<Ending> => {
      try {
        await handler.run(input, this.#context(envelope))
        return { kind: 'returned' }
      } catch (error) {
        return { kind: 'threw', error }
      }
    }
    const left = new Promise<Ending>((resolve) => {
      this.#leaveBehind = () => {
        this.deps.calls.log.error(
          { port: 'jobs', job: this.lease.job.name, id: this.lease.job.id },
          'a handler ignores its aborted signal: it is left behind',
        )
        resolve({ kind: 'ignored' })
      }
    })
    return Promise.race([run(), left])
  }

  #limit(timeoutMs: number): void {
    const { clock, adapter } = this.deps.calls
    this.#timer?.cancel()
    this.#deadline = clock.now() + timeoutMs
    this.#timer = clock.timer(timeoutMs, () => {
      const { id, name } = this.lease.job
      this.stop(
        'timeout',
        new PortError('DEADLINE_EXCEEDED', {
          adapter,
          operation: 'work',
          target: id,
          detail: `${name} ran longer than its ${timeoutMs} ms`,
        }),
      )
    })
  }

  #context(envelope: Envelope): JobContext {
    const { job, attempt } = this.lease
    const deadline = (): Date => new Date(this.#deadline)
    const signal = (): AbortSignal => this.#signal()
    return {
      id: job.id,
      name: job.name,
      attempt,
      ...(job.key === undefined ? {} : { key: job.key }),
      enqueuedAt: new Date(job.enqueuedAt),
      headers: Object.freeze({ ...envelope.headers }),
      get signal() {
        return signal()
      },
      get deadline() {
        return deadline()
      },
      extend: (ms) => this.#extend(ms),
      progress: (value) => this.#progress(value),
    }
  }

  #signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#aborted !== undefined) this.#abort.abort(this.#aborted.reason)
    }
    return this.#abort.signal
  }

  async #extend(ms: number): Promise<void> {
    checkedDelayMs('ms', ms)
    if (this.#aborted !== undefined) throw this.#aborted.reason
    this.#limit(ms)
    await this.deps.keeper.renew(this)
  }

  async #progress(value: unknown): Promise<void> {
    const { calls, capabilities, driver } = this.deps
    calls.require(capabilities, 'lookup', 'progress')
    const text = Buffer.from(encodeJson(value, 'progress'))
    decodeJson(text, 'progress')
    await calls.run({ operation: 'progress', target: this.lease.job.id }, (call) => driver.progress!(this.lease, text.toString(), call))
  }
}
