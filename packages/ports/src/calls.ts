import type { CallOptions } from './call.js'
import { type Clock, sleepInCall, systemClock } from './clock.js'
import type { DriverCall } from './driver.js'
import { invalid, PortError } from './errors.js'
import { type Logger, silentLogger } from './log.js'
import { observe } from './observe.js'
import { backoffMs, defaultRetry, mayRetry, type Repeat, RetryBudget, type RetryPolicy } from './retry.js'

/** What every port's constructor takes. */
export interface PortOptions {
  /** The adapter's name, for errors and spans. Default `unnamed`. */
  readonly adapter?: string
  readonly clock?: Clock
  readonly log?: Logger
  /** Total time of a call where the caller gives none, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number
  /** Time of one try in milliseconds. Default: the call's whole time. */
  readonly tryTimeoutMs?: number
  readonly retry?: Partial<RetryPolicy>
  /** Shared by all calls of the port. */
  readonly budget?: RetryBudget
  /** Source of jitter, 0 to 1. Default Math.random. */
  readonly random?: () => number
  /** Learns of each try that failed, those that are tried again included: for health. Must not throw. */
  readonly onFailure?: (error: PortError) => void
}

export interface CallSpec {
  readonly operation: string
  /** Key, job or device for errors and spans. */
  readonly target?: string
  readonly options?: CallOptions | undefined
  /** Default `safe`. */
  readonly repeat?: Repeat | (() => Repeat)
  /** The span's name; default `<port>.<operation>`. */
  readonly spanName?: string
  /** Default `client`. */
  readonly kind?: 'client' | 'producer' | 'consumer' | 'internal'
  /** Span attributes beside the port's own. */
  readonly attributes?: Readonly<Record<string, string | number>>
}

/** Runs a port's driver calls: deadline, cancellation, retry with one owner, error place, one span and its metrics [B111, B112]. */
export class Calls {
  readonly clock: Clock
  readonly log: Logger
  readonly adapter: string
  readonly timeoutMs: number
  readonly random: () => number
  readonly #tryTimeoutMs: number | undefined
  readonly #retry: RetryPolicy
  readonly #budget: RetryBudget
  readonly #onFailure: ((error: PortError) => void) | undefined
  #closed = false

  constructor(
    readonly port: string,
    options: PortOptions = {},
  ) {
    this.clock = options.clock ?? systemClock
    this.log = options.log ?? silentLogger
    this.adapter = options.adapter ?? 'unnamed'
    this.timeoutMs = options.timeoutMs ?? 30_000
    this.random = options.random ?? Math.random
    this.#tryTimeoutMs = options.tryTimeoutMs
    this.#retry = { ...defaultRetry, ...options.retry }
    this.#budget = options.budget ?? new RetryBudget()
    this.#onFailure = options.onFailure
  }

  get closed(): boolean {
    return this.#closed
  }

  /** From now on every call is refused with CLOSED; true the first time. */
  shut(): boolean {
    const first = !this.#closed
    this.#closed = true
    return first
  }

  /** A refusal placed at this port and adapter. */
  error(code: ConstructorParameters<typeof PortError>[0], operation: string, detail: string, target?: string): PortError {
    return new PortError(code, {
      adapter: this.adapter,
      operation,
      detail,
      ...(target === undefined ? {} : { target }),
    })
  }

  /** Refuses what the adapter has not got, before any I/O. */
  require<C extends object>(capabilities: C, capability: keyof C & string, operation: string): void {
    if (capabilities[capability] === true) return
    throw this.error(
      'UNSUPPORTED',
      operation,
      `adapter ${this.adapter} has no ${capability}; declare it in the app's "requires" to learn this at start`,
    )
  }

  /** Runs `attempt` until it succeeds, fails for good, or the call's time is over. */
  async run<T>(spec: CallSpec, attempt: (call: DriverCall) => Promise<T>): Promise<T> {
    if (this.#closed) throw this.error('CLOSED', spec.operation, 'the port is closed', spec.target)
    return observe(this.port, this.adapter, spec, () => this.#tries(spec, attempt))
  }

  async #tries<T>(spec: CallSpec, attempt: (call: DriverCall) => Promise<T>): Promise<T> {
    const { operation, target, options } = spec
    const timeoutMs = options?.timeoutMs ?? this.timeoutMs
    if (!(timeoutMs > 0))
      throw invalid('timeoutMs', timeoutMs, 'give a number of milliseconds above 0', { adapter: this.adapter, operation })
    const deadline = this.clock.now() + timeoutMs
    for (let tries = 1; ; tries++) {
      const leftMs = deadline - this.clock.now()
      try {
        const result = await this.#once(spec, leftMs, attempt)
        this.#budget.succeeded()
        return result
      } catch (cause) {
        const error = this.#place(cause, spec, tries)
        this.#onFailure?.(error)
        const repeat = typeof spec.repeat === 'function' ? spec.repeat() : (spec.repeat ?? 'safe')
        if (options?.signal?.aborted || !mayRetry(error, repeat) || tries >= this.#retry.maxAttempts) throw error
        const waitMs = Math.max(backoffMs(this.#retry, tries, this.random), error.retryAfterMs ?? 0)
        if (this.clock.now() + waitMs >= deadline || !this.#budget.take()) throw error
        this.log.debug(
          {
            port: this.port,
            adapter: this.adapter,
            operation,
            target,
            tries,
            code: error.code,
          },
          'trying again',
        )
        await sleepInCall(this.clock, waitMs, options?.signal).catch((reason: unknown) => {
          throw this.#place(
            new PortError('CANCELED', {
              cause: reason,
              outcome: error.outcome,
            }),
            spec,
            tries,
          )
        })
      }
    }
  }

  async #once<T>(spec: CallSpec, leftMs: number, attempt: (call: DriverCall) => Promise<T>): Promise<T> {
    const caller = spec.options?.signal
    if (caller?.aborted)
      throw new PortError('CANCELED', {
        cause: caller.reason,
        outcome: 'not-applied',
      })
    const tryMs = Math.min(leftMs, this.#tryTimeoutMs ?? leftMs)
    const running = new Try()
    const timer = this.clock.timer(tryMs, () =>
      running.abort(
        new PortError('DEADLINE_EXCEEDED', {
          detail: `no answer within ${Math.round(tryMs)} ms`,
        }),
      ),
    )
    // Somebody awaits the answer: with every connection down nothing else may keep the process alive until there is one.
    timer.hold?.()
    const onCaller = (): void => running.abort(new PortError('CANCELED', { cause: caller?.reason }))
    caller?.addEventListener('abort', onCaller, { once: true })
    try {
      return await Promise.race([attempt(running), running.aborted])
    } catch (error) {
      // A driver may report its own abort in the vendor's words: the reason that we gave is the better one.
      throw running.reason !== undefined && !PortError.is(error, 'INTEGRITY_FAILED') ? running.reason : error
    } finally {
      timer.cancel()
      caller?.removeEventListener('abort', onCaller)
    }
  }

  #place(cause: unknown, { operation, target }: CallSpec, attempts: number): PortError {
    const place = {
      adapter: this.adapter,
      operation,
      attempts,
      ...(target === undefined ? {} : { target }),
    }
    return PortError.is(cause) ? cause.with(place) : new PortError('INTERNAL', { ...place, cause })
  }
}

/** One try. Its signal is made only when the driver looks at it: an AbortController costs more than a local call (3 of 10 us, Node 20). */
class Try implements DriverCall {
  reason: PortError | undefined
  #controller: AbortController | undefined
  #reject: ((reason: PortError) => void) | undefined
  readonly aborted = new Promise<never>((_, reject) => (this.#reject = reject))

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.reason !== undefined) this.#controller.abort(this.reason)
    }
    return this.#controller.signal
  }

  abort(reason: PortError): void {
    this.reason ??= reason
    this.#controller?.abort(this.reason)
    this.#reject?.(this.reason)
  }
}
