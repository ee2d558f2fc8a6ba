import { type Driver, PortError, type PortName, portNames } from '@pdvend/ports'
import type { Redactor } from './redact.js'

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
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: Date }
}

/** How an app is: as well as the worst of its ports. */
export interface Health {
  readonly status: PortHealth['status']
  readonly ports: Readonly<Record<PortName, PortHealth>>
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
  readonly #last = new Map<PortName, { readonly code: string; readonly message: string; readonly at: Date }>()

  constructor(
    readonly drivers: Readonly<Record<PortName, Driver>>,
    readonly adapters: Readonly<Record<PortName, string>>,
    readonly redact: Redactor,
  ) {}

  /** Notes a failure of a call; only those that are the engine's count, not what the caller did wrong. */
  failed(port: PortName, error: PortError): void {
    if (!ENGINES_FAULT.has(error.code)) return
    this.#last.set(port, { code: error.code, message: this.redact.text(error.message), at: new Date() })
  }

  /** Asks all four at once. Never throws. */
  async check(options: HealthOptions = {}): Promise<Health> {
    const found = await Promise.all(portNames.map(async (port) => [port, await this.#ask(port, options)] as const))
    const ports = Object.fromEntries(found) as Record<PortName, PortHealth>
    const statuses = found.map(([, { status }]) => status)
    const status = (['down', 'degraded'] as const).find((worst) => statuses.includes(worst)) ?? 'up'
    return { status, ports }
  }

  async #ask(port: PortName, { timeoutMs = 5_000, slowMs = 1_000 }: HealthOptions): Promise<PortHealth> {
    const startedAt = performance.now()
    const adapter = this.adapters[port]
    const failure = await answer(this.drivers[port], timeoutMs)
    const latencyMs = Math.round(performance.now() - startedAt)
    if (failure !== undefined) {
      const error = PortError.is(failure) ? failure : new PortError('INTERNAL', { adapter, operation: 'ping', cause: failure })
      this.#last.set(port, { code: error.code, message: this.redact.text(error.message), at: new Date() })
    }
    const lastError = this.#last.get(port)
    const troubled = lastError !== undefined && Date.now() - lastError.at.getTime() < RECENT_MS
    const status = failure !== undefined ? 'down' : troubled || latencyMs >= slowMs ? 'degraded' : 'up'
    return { status, adapter, latencyMs, ...(lastError === undefined ? {} : { lastError }) }
  }
}

const ENGINES_FAULT: ReadonlySet<string> = new Set(
  'RATE_LIMITED UNAVAILABLE DEADLINE_EXCEEDED UNAUTHENTICATED PERMISSION_DENIED INTEGRITY_FAILED INTERNAL'.split(' '),
)

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
