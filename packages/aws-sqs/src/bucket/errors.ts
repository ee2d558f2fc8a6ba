import { type ErrorRow, errorTable } from '@pdvend/ports'

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'the bucket takes no more for now' }
const BROKEN: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
const AWAY: ErrorRow = { code: 'UNAVAILABLE', outcome: 'not-applied' }
const UNREACHED: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'no bucket answers there: check PDVEND_JOBS_BUCKET_ENDPOINT, PDVEND_JOBS_REGION and the network',
}
const BAD_KEY: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail: 'the bucket refuses the key: check PDVEND_JOBS_ACCESS_KEY and PDVEND_JOBS_SECRET_KEY, or the AWS profile or role',
}
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const EXPIRED: ErrorRow = { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' }
const SKEWED: ErrorRow = {
  ...RENEWED,
  detail: "this machine's clock differs from that of AWS: the next try is signed with their time",
}
const DENIED: ErrorRow = {
  code: 'PERMISSION_DENIED',
  detail: 'allow s3:GetObject, s3:PutObject and s3:DeleteObject below PDVEND_JOBS_BUCKET_PREFIX, and s3:ListBucket on PDVEND_JOBS_BUCKET',
}
const WRONG_REGION: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: 'the bucket is in another region than PDVEND_JOBS_REGION or AWS_REGION says: choose a PDVEND_JOBS_BUCKET of the queues’ region',
}

/** What the bucket's SDK and Node call it; a status that has no name is looked up by its number. */
export const failBucket = errorTable(
  'aws-sqs',
  {
    NoSuchBucket: { code: 'NOT_FOUND', detail: 'there is no bucket of the name PDVEND_JOBS_BUCKET: pdvend provision makes it' },
    NoSuchKey: 'NOT_FOUND',
    PreconditionFailed: 'PRECONDITION_FAILED',
    ConditionalRequestConflict: AWAY,
    OperationAborted: AWAY,
    EntityTooLarge: 'TOO_LARGE',
    BadDigest: { code: 'INTEGRITY_FAILED', retryable: true },
    'damaged answer': { code: 'INTEGRITY_FAILED', retryable: true, detail: 'the bytes that arrived do not fit their checksum' },
    AccessDenied: DENIED,
    AllAccessDisabled: 'PERMISSION_DENIED',
    AccountProblem: 'PERMISSION_DENIED',
    KMSAccessDeniedException: { code: 'PERMISSION_DENIED', detail: "the key or role may not use the bucket's KMS key" },
    InvalidAccessKeyId: BAD_KEY,
    SignatureDoesNotMatch: BAD_KEY,
    InvalidToken: BAD_KEY,
    CredentialsProviderError: {
      code: 'UNAUTHENTICATED',
      detail: 'no credentials: give PDVEND_JOBS_ACCESS_KEY and PDVEND_JOBS_SECRET_KEY, AWS_* variables, an AWS profile, or a role',
    },
    ExpiredToken: EXPIRED,
    TokenRefreshRequired: EXPIRED,
    RequestTimeTooSkewed: SKEWED,
    RequestExpired: SKEWED,
    PermanentRedirect: WRONG_REGION,
    AuthorizationHeaderMalformed: WRONG_REGION,
    IllegalLocationConstraintException: WRONG_REGION,
    SlowDown: SLOW,
    Throttling: SLOW,
    RequestLimitExceeded: SLOW,
    TooManyRequestsException: SLOW,
    ServiceUnavailable: AWAY,
    InternalError: BROKEN,
    RequestTimeout: BROKEN,
    TimeoutError: { ...BROKEN, detail: 'no answer within PDVEND_JOBS_REQUEST_TIMEOUT_MS' },
    ECONNRESET: BROKEN,
    EPIPE: BROKEN,
    ERR_STREAM_PREMATURE_CLOSE: BROKEN,
    ETIMEDOUT: UNREACHED,
    ENOTFOUND: UNREACHED,
    EAI_AGAIN: UNREACHED,
    ECONNREFUSED: UNREACHED,
    EHOSTUNREACH: UNREACHED,
    ENETUNREACH: UNREACHED,
    'no region': { code: 'CONFIG_INVALID', detail: 'no region: set PDVEND_JOBS_REGION or AWS_REGION' },
    301: WRONG_REGION,
    403: DENIED,
    412: 'PRECONDITION_FAILED',
    429: SLOW,
    500: BROKEN,
    502: BROKEN,
    503: AWAY,
    504: BROKEN,
  },
  keysOf,
)

/** What the SDK attaches to its errors. */
interface VendorError {
  readonly name?: string
  readonly code?: unknown
  readonly Code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean }
}

function keysOf(cause: unknown): readonly (string | number | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { name, code, Code, message = '', $metadata } = cause as VendorError
  if (message === 'Region is missing') return ['no region']
  if (message.startsWith('Checksum mismatch')) return ['damaged answer']
  if (message === 'socket hang up' || message === 'aborted') return ['ECONNRESET']
  // What is an Error of another realm, as under test runners, the SDK wraps without its code.
  if (message.startsWith('AWS SDK error wrapper for Error')) return [/\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? 'ECONNRESET']
  return [Code, name, typeof code === 'string' ? code : undefined, $metadata?.httpStatusCode]
}
