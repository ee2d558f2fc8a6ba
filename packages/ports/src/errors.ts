/** What went wrong, the same word on every adapter. */
export type PortErrorCode =
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PRECONDITION_FAILED'
  | 'INVALID_ARGUMENT'
  | 'TOO_LARGE'
  | 'RANGE_NOT_SATISFIABLE'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELED'
  | 'INTEGRITY_FAILED'
  | 'UNSUPPORTED'
  | 'LEASE_LOST'
  | 'CLOSED'
  | 'CONFIG_INVALID'
  | 'INTERNAL'

/** Whether the operation took effect: `unknown` means that a blind retry could do it twice. */
export type Outcome = 'applied' | 'not-applied' | 'unknown'

/** Codes that are worth another try when nothing else is said. */
const RETRYABLE: ReadonlySet<PortErrorCode> = new Set(['RATE_LIMITED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'])

/** Codes after which nobody can say whether the operation took effect, when nothing else is said. */
const UNKNOWN: ReadonlySet<PortErrorCode> = new Set(['DEADLINE_EXCEEDED', 'CANCELED', 'INTERNAL'])

/** Everything that a {@link PortError} may carry beside its code. */
export interface PortErrorDetails {
  /** What happened and how to mend it; it follows the code in the message. Must hold no secret. */
  readonly detail?: string
  /** Default: true for RATE_LIMITED, UNAVAILABLE, DEADLINE_EXCEEDED. */
  readonly retryable?: boolean
  /** Default: `unknown` for DEADLINE_EXCEEDED, CANCELED and INTERNAL, else `not-applied`. */
  readonly outcome?: Outcome
  /** Adapter name, e.g. `aws-s3`; `ports` when the port itself refused. */
  readonly adapter?: string
  /** Operation, e.g. `get`. */
  readonly operation?: string
  /** Key, job or device that it was about; above 1,024 characters only its beginning is kept. */
  readonly target?: string
  /** How many times it was tried. */
  readonly attempts?: number
  /** The engine's id for the failed request. */
  readonly requestId?: string
  /** How long the engine asked to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** Longest target that an error carries, in characters: every valid key fits, a hostile one floods no log. */
const MAX_TARGET = 1_024

const BRAND = Symbol.for('pdvend.PortError')

/**
 * The one error that every port throws. Recognise it with {@link PortError.is}, which also works when two copies of
 * this package are loaded.
 */
export class PortError extends Error {
  override readonly name = 'PortError'
  readonly code: PortErrorCode
  readonly retryable: boolean
  readonly outcome: Outcome
  readonly adapter: string
  readonly operation: string
  readonly target: string | undefined
  readonly attempts: number
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  readonly detail: string | undefined

  constructor(code: PortErrorCode, details: PortErrorDetails = {}) {
    super(describe(code, details), details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retryable = details.retryable ?? RETRYABLE.has(code)
    this.outcome = details.outcome ?? (UNKNOWN.has(code) ? 'unknown' : 'not-applied')
    this.adapter = details.adapter ?? 'ports'
    this.operation = details.operation ?? ''
    this.target = shortTarget(details.target)
    this.attempts = details.attempts ?? 1
    this.requestId = details.requestId
    this.retryAfterMs = details.retryAfterMs
    this.detail = details.detail
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** True for a PortError of any loaded copy of this package, with one of `codes` when some are given. */
  static is(error: unknown, ...codes: readonly PortErrorCode[]): error is PortError {
    if (typeof error !== 'object' || error === null || !(BRAND in error)) return false
    return codes.length === 0 || codes.includes((error as unknown as PortError).code)
  }

  /** The same error with some details replaced; the cause and the stack stay. */
  with(details: PortErrorDetails): PortError {
    const { code, detail, retryable, outcome, adapter, operation, target, attempts, requestId, retryAfterMs, cause } = this
    const mine = { detail, retryable, outcome, adapter, operation, target, attempts, requestId, retryAfterMs, cause }
    const error = new PortError(code, defined({ ...mine, ...details }))
    if (this.stack !== undefined) error.stack = this.stack.replace(this.message, () => error.message)
    return error
  }

  toJSON(): Record<string, unknown> {
    const { name, message, code, retryable, outcome, adapter, operation, target, attempts, requestId } = this
    return { name, message, code, retryable, outcome, adapter, operation, target, attempts, requestId }
  }
}

/** A row of an adapter's error table: a code, or a code with what differs from that code's defaults. */
export type ErrorRow = PortErrorCode | ({ readonly code: PortErrorCode } & Pick<PortErrorDetails, 'detail' | 'retryable' | 'outcome'>)

/** Turns whatever a vendor threw into a {@link PortError}. */
export type Fail = (operation: string, cause: unknown, target?: string, details?: PortErrorDetails) => PortError

/**
 * One adapter's mapping from vendor errors to codes. A cause is looked up by its `code`, then its `name`; a PortError
 * passes through; an abort is CANCELED or DEADLINE_EXCEEDED by its reason; what is not in the table is INTERNAL.
 * `keysOf` may give other look-up keys, best first (e.g. an HTTP status).
 */
export function errorTable(
  adapter: string,
  table: Readonly<Record<string, ErrorRow>>,
  keysOf: (cause: unknown) => readonly (string | number | undefined)[] = vendorKeys,
): Fail {
  const rows = new Map<string, ErrorRow>(Object.entries(table))
  return (operation, cause, target, details = {}) => {
    const place = defined({ adapter, operation, target })
    if (PortError.is(cause)) return cause.with(place)
    const key = keysOf(cause).find((candidate) => candidate !== undefined && rows.has(String(candidate)))
    const row = key === undefined ? (isAbort(cause) ? 'CANCELED' : 'INTERNAL') : rows.get(String(key))!
    const { code, ...rest } = typeof row === 'string' ? { code: row } : row
    return new PortError(code, { cause, ...place, ...rest, ...details })
  }
}

/** A refusal of the caller's input, before anything is sent: names the field, the value's shape and the mend. */
export function invalid(field: string, got: unknown, mend: string, place: PortErrorDetails = {}): PortError {
  return new PortError('INVALID_ARGUMENT', { ...place, detail: `${field}: got ${shapeOf(got)}; ${mend}` })
}

/** A value's shape for an error message: type and size, a short text in quotes, never a long or structured value. */
export function shapeOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string')
    return value.length <= 64 ? JSON.stringify(value) : `a string of ${value.length} characters (${JSON.stringify(value.slice(0, 32))}…)`
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return `${typeof value} ${String(value).slice(0, 32)}`
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (Array.isArray(value)) return `an array of ${value.length}`
  return typeof value === 'object' ? objectShape(value) : typeof value
}

/** By its prototype, never by its own fields: those are input, and may hold anything or throw. */
function objectShape(value: object): string {
  try {
    const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null
    const name = prototype === null ? 'no prototype' : prototype.constructor?.name
    return typeof name === 'string' && name.length <= 64 ? `an object (${name})` : 'an object'
  } catch {
    return 'an object' // a proxy may throw wherever it is touched
  }
}

/** The chain of causes as plain text lines, outermost first, at most eight deep; cycles end it. */
export function causeChain(error: unknown): readonly string[] {
  const lines: string[] = []
  const seen = new Set<unknown>()
  for (let at: unknown = error; at !== undefined && at !== null && !seen.has(at) && lines.length < 8;) {
    seen.add(at)
    lines.push(at instanceof Error ? `${at.name}: ${at.message}` : shapeOf(at))
    at = at instanceof Error ? at.cause : undefined
  }
  return lines
}

function describe(code: PortErrorCode, { adapter = 'ports', operation, target, detail, attempts }: PortErrorDetails): string {
  const call = operation ? `${adapter}.${operation}(${target === undefined ? '' : JSON.stringify(shortTarget(target))})` : adapter
  const tries = attempts !== undefined && attempts > 1 ? ` after ${attempts} attempts` : ''
  return `${call}: ${code}${tries}${detail ? `: ${detail}` : ''}`
}

function shortTarget(target: string | undefined): string | undefined {
  return target === undefined || target.length <= MAX_TARGET ? target : `${target.slice(0, 64)}… (${target.length} characters)`
}

function vendorKeys(cause: unknown): readonly (string | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { code, name } = cause as { code?: unknown; name?: unknown }
  return [code, name].map((key) => (typeof key === 'string' || typeof key === 'number' ? String(key) : undefined))
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && (cause.name === 'AbortError' || cause.name === 'CanceledError')
}

/** Drops the fields that are undefined, so that they do not override defaults. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never
}
