import type { ErrorRow } from '@pdvend/ports'

/** Rows that an adapter words its own way; each stands for several names and statuses. */
export interface AwsErrorWords {
  /** The service takes no more for now. Default: RATE_LIMITED, not applied, without a detail. */
  readonly slow?: ErrorRow
  /** The credentials are refused. Default: UNAUTHENTICATED, naming the settings of the keys. */
  readonly refused?: ErrorRow
}

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied' }
const CUT = { code: 'UNAVAILABLE', outcome: 'unknown' } as const
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const EXPIRED: ErrorRow = { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' }
const SKEWED: ErrorRow = { ...RENEWED, detail: "this machine's clock differs from that of AWS: the next try is signed with their time" }

/**
 * What every service of AWS and the SDK call it, for the beginning of an adapter's table; the adapter's own rows follow and win.
 * `variables`: how the settings' names begin, e.g. `PDVEND_JOBS`. What a service means by 404 or 503, its adapter says.
 */
export function awsErrorRows(variables: string, { slow = SLOW, refused = refusedBy(variables) }: AwsErrorWords = {}) {
  return {
    UnrecognizedClientException: refused,
    InvalidClientTokenId: refused,
    InvalidAccessKeyId: refused,
    InvalidSignatureException: refused,
    SignatureDoesNotMatch: refused,
    IncompleteSignatureException: refused,
    MissingAuthenticationTokenException: refused,
    MissingAuthenticationToken: refused,
    InvalidSecurity: refused,
    InvalidToken: refused,
    CredentialsProviderError: {
      code: 'UNAUTHENTICATED',
      detail: `no credentials: give ${variables}_ACCESS_KEY and ${variables}_SECRET_KEY, AWS_* variables, an AWS profile, or a role`,
    },
    ExpiredTokenException: EXPIRED,
    ExpiredToken: EXPIRED,
    TokenRefreshRequired: EXPIRED,
    RequestExpired: SKEWED,
    RequestTimeTooSkewed: SKEWED,
    ThrottlingException: slow,
    Throttling: slow,
    RequestLimitExceeded: slow,
    TooManyRequestsException: slow,
    InternalError: CUT,
    InternalFailure: CUT,
    InternalServerError: CUT,
    TimeoutError: { ...CUT, detail: `no answer within ${variables}_REQUEST_TIMEOUT_MS` },
    'no region': { code: 'CONFIG_INVALID', detail: `no region: set ${variables}_REGION or AWS_REGION` },
    'status 400': 'INVALID_ARGUMENT',
    'status 401': refused,
    'status 403': refused,
    'status 413': 'TOO_LARGE',
    'status 429': slow,
    'status 500': CUT,
    'status 502': CUT,
    'status 504': CUT,
  } satisfies Record<string, ErrorRow>
}

function refusedBy(variables: string): ErrorRow {
  return {
    code: 'UNAUTHENTICATED',
    detail: `check ${variables}_ACCESS_KEY and ${variables}_SECRET_KEY, or the AWS profile or role`,
  }
}

/** What Node calls a connection that is not made, or breaks. `endpoints`: the settings that say where to. */
export function connectionErrorRows(variables: string, endpoints = `${variables}_ENDPOINT`) {
  const unreached: ErrorRow = {
    code: 'UNAVAILABLE',
    outcome: 'not-applied',
    detail: `nothing answers there: check ${endpoints}, ${variables}_REGION and the network`,
  }
  return {
    ECONNREFUSED: unreached,
    ENOTFOUND: unreached,
    EAI_AGAIN: unreached,
    EHOSTUNREACH: unreached,
    ENETUNREACH: unreached,
    ETIMEDOUT: unreached,
    ECONNRESET: CUT,
    EPIPE: CUT,
    ERR_STREAM_PREMATURE_CLOSE: CUT,
  } satisfies Record<string, ErrorRow>
}

/** What the SDK attaches to its errors; `Code` is S3's. */
interface VendorError {
  readonly Code?: string
  readonly name?: string
  readonly code?: string | number
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** What to look up, best first: by name, by Node's code, and last as `status 403`, since MQTT's reason codes are numbers too. */
export function awsErrorKeys(cause: unknown): readonly (string | number | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { Code, name, code, message = '', $metadata } = cause as VendorError
  if (message === 'Region is missing') return ['no region']
  // How services that speak JSON call a clock that is off: `Signature expired: …` or `Signature not yet current: …`.
  if (name === 'InvalidSignatureException' && /^signature (expired|not yet current)/i.test(message)) return ['RequestTimeTooSkewed']
  // So the SDK calls an Error of another realm, as under test runners, and what is no Error: what it said stands behind it.
  const wrapped = /^AWS SDK error wrapper for (\w*)/.exec(message)
  if (wrapped !== null) return /\bE[A-Z]{4,}\b/.exec(message) ?? [wrapped[1], 'ECONNRESET']
  const reset = message === 'socket hang up' ? 'ECONNRESET' : undefined
  const status = $metadata?.httpStatusCode
  return [Code, name, code, reset, status === undefined ? undefined : `status ${status}`]
}
