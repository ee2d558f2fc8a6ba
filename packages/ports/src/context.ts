import { AsyncLocalStorage } from 'node:async_hooks'
import { newId } from './id.js'

/** Who does what for whom: flows with the call and travels inside every job, push message and event. */
export interface RequestContext {
  /** One business transaction, e.g. one sale, over all ports and processes. */
  readonly transactionId: string
  readonly accountId?: string
  /** The part of the app at work, e.g. `checkout`. */
  readonly component?: string
  /** Who called, e.g. `till-07`. */
  readonly caller?: string
}

const storage = new AsyncLocalStorage<RequestContext>()

const FIELDS = ['transactionId', 'accountId', 'component', 'caller'] as const

/** PDVend's headers. */
const HEADERS = {
  transactionId: 'X-Telemetry-Transaction-Id',
  accountId: 'X-Telemetry-Account-Id',
  component: 'X-Telemetry-Component',
  caller: 'X-Telemetry-Caller',
} as const satisfies Record<(typeof FIELDS)[number], string>

/** Longest value taken from a header, in characters; longer ones are cut. */
const MAX_VALUE = 256

/** The context of the running call, or undefined outside of one. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore()
}

/** Runs `run` with `context` over the current one; without a transaction id a new one is made. */
export function withContext<T>(context: Partial<RequestContext>, run: () => T): T {
  const current = storage.getStore()
  return storage.run({ ...current, ...context, transactionId: context.transactionId ?? current?.transactionId ?? newId() }, run)
}

/**
 * Runs `run` with `context` alone, nothing of the current one: for work that arrives by itself (a job, a message) on a
 * loop that was started within some other call. Without a transaction id a new one is made.
 */
export function withContextOf<T>(context: Partial<RequestContext> | undefined, run: () => T): T {
  return storage.run({ ...context, transactionId: context?.transactionId ?? newId() }, run)
}

/** Runs `run` outside of any context. */
export function withoutContext<T>(run: () => T): T {
  return storage.exit(run)
}

/** Reads the context from HTTP headers, any case, Node's object or a `Headers`. Control characters are dropped. */
export function contextFromHeaders(
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
): Partial<RequestContext> {
  const lower = headers instanceof Headers ? headers : new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const found: Record<string, string> = {}
  for (const field of FIELDS) {
    const raw = lower.get(HEADERS[field].toLowerCase())
    const value = clean(typeof raw === 'string' ? raw : raw?.[0])
    if (value !== '') found[field] = value
  }
  return found
}

/** The headers that carry `context` to the next service. */
export function contextToHeaders(context: RequestContext): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const field of FIELDS) {
    const value = clean(context[field])
    if (value !== '') headers[HEADERS[field]] = value
  }
  return headers
}

function clean(value: string | undefined): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
  return (value ?? '')
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .trim()
    .slice(0, MAX_VALUE)
}
