import { type ErrorRow, errorTable } from '@pdvend/ports'

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'the stream takes no more for now' }
const UNREACHED: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'nothing answers there: check PDVEND_TELEMETRY_ENDPOINT, PDVEND_TELEMETRY_REGION and the network',
}
const CUT: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
const CREDENTIALS: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail: 'check PDVEND_TELEMETRY_ACCESS_KEY and PDVEND_TELEMETRY_SECRET_KEY, or the AWS profile or role',
}
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const SKEWED: ErrorRow = {
  ...RENEWED,
  detail: "this machine's clock differs from that of AWS: the next try is signed with their time",
}

/** What the SDK and Node call it; a status that has no name is looked up by its number. */
export const fail = errorTable(
  'aws-firehose',
  {
    ResourceNotFoundException: {
      code: 'NOT_FOUND',
      detail: 'there is no stream of the name PDVEND_TELEMETRY_STREAM in this account and region: pdvend provision makes it',
    },
    AccessDeniedException: {
      code: 'PERMISSION_DENIED',
      detail: 'the key or role needs firehose:PutRecordBatch on the stream that PDVEND_TELEMETRY_STREAM names',
    },
    InvalidKMSResourceException: { code: 'PERMISSION_DENIED', detail: "the stream's KMS key cannot be used: see its state and policy" },
    InvalidArgumentException: 'INVALID_ARGUMENT',
    InvalidSourceException: { code: 'CONFIG_INVALID', detail: 'the stream reads from another source: it must be of type DirectPut' },
    SerializationException: 'TOO_LARGE',
    RequestEntityTooLargeException: 'TOO_LARGE',
    ServiceUnavailableException: SLOW,
    LimitExceededException: SLOW,
    ThrottlingException: SLOW,
    Throttling: SLOW,
    RequestLimitExceeded: SLOW,
    TooManyRequestsException: SLOW,
    ConcurrentModificationException: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    ResourceInUseException: { code: 'UNAVAILABLE', outcome: 'not-applied', detail: 'the stream is being made or changed' },
    InternalFailure: CUT,
    InternalServerError: CUT,
    UnrecognizedClientException: CREDENTIALS,
    InvalidClientTokenId: CREDENTIALS,
    InvalidSignatureException: CREDENTIALS,
    MissingAuthenticationTokenException: CREDENTIALS,
    IncompleteSignatureException: CREDENTIALS,
    CredentialsProviderError: {
      code: 'UNAUTHENTICATED',
      detail:
        'no credentials: give PDVEND_TELEMETRY_ACCESS_KEY and PDVEND_TELEMETRY_SECRET_KEY, AWS_* variables, an AWS profile, or a role',
    },
    ExpiredTokenException: { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' },
    RequestExpired: SKEWED,
    RequestTimeTooSkewed: SKEWED,
    TimeoutError: { code: 'UNAVAILABLE', outcome: 'unknown', detail: 'no answer within PDVEND_TELEMETRY_REQUEST_TIMEOUT_MS' },
    ECONNREFUSED: UNREACHED,
    ENOTFOUND: UNREACHED,
    EAI_AGAIN: UNREACHED,
    EHOSTUNREACH: UNREACHED,
    ENETUNREACH: UNREACHED,
    ETIMEDOUT: UNREACHED,
    ECONNRESET: CUT,
    EPIPE: CUT,
    ERR_STREAM_PREMATURE_CLOSE: CUT,
    // An answer that breaks off is no JSON.
    SyntaxError: CUT,
    'no region': {
      code: 'CONFIG_INVALID',
      detail: 'no region: set PDVEND_TELEMETRY_REGION or AWS_REGION',
    },
    400: 'INVALID_ARGUMENT',
    403: CREDENTIALS,
    413: 'TOO_LARGE',
    429: SLOW,
    500: CUT,
    502: CUT,
    503: SLOW,
    504: CUT,
  },
  keysOf,
)

function keysOf(cause: unknown): readonly (string | number | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { name, code, message, $metadata } = cause as {
    name?: string
    code?: string
    message?: string
    $metadata?: { httpStatusCode?: number }
  }
  // What is an Error of another realm, as under test runners, the SDK wraps without its code.
  if (message?.startsWith('AWS SDK error wrapper for ') === true) return [/\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? 'ECONNRESET']
  const region = message === 'Region is missing' ? 'no region' : undefined
  const reset = message === 'socket hang up' ? 'ECONNRESET' : undefined
  return [region, name, code, reset, $metadata?.httpStatusCode]
}
