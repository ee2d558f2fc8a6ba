import { type Driver, PortError, type PortErrorCode, type PortName } from '@pdvend/ports'
import type { Redactor } from './redact.js'

/** A failure that was the engine's. */
export interface LastError {
  readonly code: PortErrorCode
  readonly message: string
  readonly at: Date
}

/** How one port is. */
export interface PortHealth {
  /**
   * `up`: the engine answers. `degraded`: it answers, but slowly, or a call failed for its sake within the last minute.
   * `down`: no answer.
   */
  readonly status: 'up' | 'degraded' | 'down'
  readonly adapter: string
  /** How long the engine took to answer, in milliseconds. */
  readonly latencyMs: number
  /** The last failure that was the engine's, from calls and from asking; kept until the process ends. */
  readonly lastError?: LastError
}

/** How an app is: as well as the worst of its ports. */
export interface Health<Port extends PortName = PortName> {
  readonly status: PortHealth['status']
  readonly ports: Readonly<Record<Port, PortHealth>>
}

export interface HealthOptions {
  /** How long an engine may take to answer, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number
  /** From how many milliseconds on an answer counts as slow. Default 1,000. */
  readonly slowMs?: number
}

const RECENT_MS = 60_000

/** Asks engines for a sign of life and remembers what failed. */
export class HealthWatch {
  readonly #engines = new Map<PortName, { readonly adapter: string; readonly driver: Driver }>()
  readonly #last = new Map<PortName, LastError>()

  constructor(readonly redact: Redactor) {}

  add(port: PortName, adapter: string, driver: Driver): void {
    this.#engines.set(port, { adapter, driver })
  }

  /** Notes a failure of a call; only those that are the engine's count, not what the caller did wrong. */
  failed(port: PortName, error: PortError): void {
    if (!ENGINES_FAULT.has(error.code)) return
    this.#note(port, error)
  }

  /** Asks all that were added, at once. Never throws. */
  async check(options: HealthOptions = {}): Promise<Health> {
    const found = await Promise.all([...this.#engines.keys()].map(async (port) => [port, await this.#ask(port, options)] as const))
    const ports = Object.fromEntries(found) as Record<PortName, PortHealth>
    const statuses = found.map(([, { status }]) => status)
    const status = (['down', 'degraded'] as const).find((worst) => statuses.includes(worst)) ?? 'up'
    return { status, ports }
  }

  async #ask(port: PortName, { timeoutMs = 5_000, slowMs = 1_000 }: HealthOptions): Promise<PortHealth> {
    const startedAt = performance.now()
    const { adapter, driver } = this.#engines.get(port)!
    const failure = await answer(driver, timeoutMs)
    const latencyMs = Math.round(performance.now() - startedAt)
    if (failure !== undefined) {
      const error = PortError.is(failure) ? failure : new PortError('INTERNAL', { adapter, operation: 'ping', cause: failure })
      this.#note(port, error)
    }
    const lastError = this.#last.get(port)
    const troubled = lastError !== undefined && Date.now() - lastError.at.getTime() < RECENT_MS
    const status = failure !== undefined ? 'down' : troubled || latencyMs >= slowMs ? 'degraded' : 'up'
    return { status, adapter, latencyMs, ...(lastError === undefined ? {} : { lastError }) }
  }

  #note(port: PortName, error: PortError): void {
    this.#last.set(port, { code: error.code, message: this.redact.text(error.message), at: new Date() })
  }
}

const ENGINES_FAULT: ReadonlySet<PortErrorCode> = new Set<PortErrorCode>([
  'RATE_LIMITED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'INTEGRITY_FAILED',
  'INTERNAL',
])

/** What the ping threw, or that it did not answer in time; undefined = all is well. */
async function answer(driver: Driver, timeoutMs: number): Promise<unknown> {
  const abort = new AbortController()
  const late = new PortError('DEADLINE_EXCEEDED', { operation: 'ping', detail: `no answer within ${timeoutMs} ms` })
  const timer = setTimeout(() => abort.abort(late), timeoutMs)
  timer.unref()
  const aborted = new Promise<unknown>((resolve) => abort.signal.addEventListener('abort', () => resolve(late), { once: true }))
  const asked = (async () => driver.ping({ signal: abort.signal }))().then(
    () => undefined,
    (error: unknown) => error ?? new Error('the ping failed without a reason'),
  )
  return Promise.race([asked, aborted]).finally(() => clearTimeout(timer))
}
