import { errorTable, type ErrorRow } from '@pdvend/ports'

const CONFLICT: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'another conditional write to this key was under way: the condition is to be looked at again',
}
const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied' }
const BROKEN: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
const UNREACHED: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'nothing answers there: check PDVEND_BLOB_ENDPOINT, PDVEND_BLOB_REGION and the network',
}
const BAD_KEY: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail: 'check PDVEND_BLOB_ACCESS_KEY and PDVEND_BLOB_SECRET_KEY, or the AWS profile or role',
}
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const DAMAGED: ErrorRow = { code: 'INTEGRITY_FAILED', detail: 'the bytes that arrived do not fit the checksum that was sent' }
const WRONG_REGION: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: 'the bucket is in another region than PDVEND_BLOB_REGION or AWS_REGION says',
}
const METADATA: ErrorRow = {
  code: 'INVALID_ARGUMENT',
  detail: 'metadata: give less; what is no plain ASCII takes more room than it has bytes',
}

/** The SDK's error names and Node's codes, and below them the status of answers without a body (HEAD). */
const fail = errorTable(
  'aws-s3',
  {
    NoSuchKey: 'NOT_FOUND',
    NotFound: 'NOT_FOUND',
    NoSuchBucket: { code: 'NOT_FOUND', detail: 'there is no bucket of the name PDVEND_BLOB_BUCKET: pdvend provision makes it' },
    NoSuchUpload: { code: 'UNAVAILABLE', outcome: 'not-applied', detail: 'the upload was swept or aborted: send the blob again' },
    PreconditionFailed: 'PRECONDITION_FAILED',
    NotModified: 'PRECONDITION_FAILED',
    ConditionalRequestConflict: CONFLICT,
    OperationAborted: CONFLICT,
    InvalidRange: 'RANGE_NOT_SATISFIABLE',
    EntityTooLarge: 'TOO_LARGE',
    MaxMessageLengthExceeded: 'TOO_LARGE',
    KeyTooLongError: { code: 'INVALID_ARGUMENT', detail: 'key: the store takes none that long' },
    MetadataTooLarge: METADATA,
    RequestHeaderSectionTooLarge: METADATA,
    BadDigest: DAMAGED,
    InvalidDigest: DAMAGED,
    XAmzContentSHA256Mismatch: DAMAGED,
    XAmzContentChecksumMismatch: DAMAGED,
    // Without a detail: the driver knows which right was asked for.
    AccessDenied: 'PERMISSION_DENIED',
    AllAccessDisabled: { code: 'PERMISSION_DENIED', detail: 'AWS has closed the bucket: ask its support' },
    AccountProblem: { code: 'PERMISSION_DENIED', detail: 'AWS sees a problem with the account: ask its support' },
    KMSAccessDeniedException: { code: 'PERMISSION_DENIED', detail: "the key or role may not use the bucket's KMS key" },
    InvalidAccessKeyId: BAD_KEY,
    SignatureDoesNotMatch: BAD_KEY,
    InvalidToken: BAD_KEY,
    CredentialsProviderError: {
      code: 'UNAUTHENTICATED',
      detail: 'no credentials: give PDVEND_BLOB_ACCESS_KEY and PDVEND_BLOB_SECRET_KEY, AWS_* variables, an AWS profile, or a role',
    },
    ExpiredToken: { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' },
    TokenRefreshRequired: { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' },
    RequestTimeTooSkewed: {
      ...RENEWED,
      detail: "this machine's clock differs from the store's: the next try is signed with the store's time",
    },
    RequestExpired: { ...RENEWED, detail: "this machine's clock differs from the store's: the next try is signed with the store's time" },
    PermanentRedirect: WRONG_REGION,
    TemporaryRedirect: {
      code: 'UNAVAILABLE',
      outcome: 'not-applied',
      detail: 'the bucket is new and its address not known everywhere yet',
    },
    AuthorizationHeaderMalformed: WRONG_REGION,
    IllegalLocationConstraintException: WRONG_REGION,
    SlowDown: SLOW,
    SlowDownRead: SLOW,
    SlowDownWrite: SLOW,
    Throttling: SLOW,
    RequestLimitExceeded: SLOW,
    TooManyRequestsException: SLOW,
    ServiceUnavailable: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    XMinioServerNotInitialized: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    InternalError: BROKEN,
    RequestTimeout: BROKEN,
    RequestTimeoutException: BROKEN,
    TimeoutError: BROKEN,
    ECONNRESET: BROKEN,
    EPIPE: BROKEN,
    ERR_STREAM_PREMATURE_CLOSE: BROKEN,
    HPE_INVALID_CONSTANT: BROKEN,
    ETIMEDOUT: BROKEN,
    ENOTFOUND: UNREACHED,
    EAI_AGAIN: UNREACHED,
    ECONNREFUSED: UNREACHED,
    EHOSTUNREACH: UNREACHED,
    ENETUNREACH: UNREACHED,
    'status-301': WRONG_REGION,
    'status-304': 'PRECONDITION_FAILED',
    // Answers to HEAD have no body to say why; what remains of the reasons for a 400 is an expired session token.
    'status-400': { ...RENEWED, detail: 'refused without a reason, as expired session tokens are: it is fetched anew for the next try' },
    'status-401': BAD_KEY,
    'status-403': 'PERMISSION_DENIED',
    'status-404': 'NOT_FOUND',
    'status-412': 'PRECONDITION_FAILED',
    'status-416': 'RANGE_NOT_SATISFIABLE',
    'status-429': SLOW,
    'status-500': BROKEN,
    'status-502': BROKEN,
    'status-503': { code: 'UNAVAILABLE', outcome: 'not-applied' },
    'status-504': BROKEN,
  },
  keysOf,
)

/** What the SDK attaches to its errors. */
interface VendorError {
  readonly name?: string
  readonly code?: unknown
  readonly Code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string; readonly clockSkewCorrected?: boolean }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

/** A 400 without a reason, as answers to HEAD have it: the session token may have expired. */
export function mayBeExpired(cause: unknown): boolean {
  const { Code, $metadata } = (cause ?? {}) as VendorError
  return $metadata?.httpStatusCode === 400 && Code === undefined
}

/** Turns what the SDK threw into the port's error, with the id that AWS support asks for and the right region where S3 names it. */
export function failed(operation: string, cause: unknown, target?: string): ReturnType<typeof fail> {
  const { $metadata, $response, message } = (cause ?? {}) as VendorError
  if (message === 'Region is missing')
    return fail(operation, { name: 'PermanentRedirect', cause }, target, {
      detail: 'no region: give PDVEND_BLOB_REGION or AWS_REGION',
      cause,
    })
  const region = $response?.headers?.['x-amz-bucket-region'] ?? /expecting '([a-z0-9-]+)'/.exec(message ?? '')?.[1]
  return fail(operation, cause, target, {
    ...($metadata?.requestId === undefined ? {} : { requestId: $metadata.requestId }),
    ...(region === undefined || !WRONG_REGION_KEYS.has(keysOf(cause).find((key) => key !== undefined) ?? '')
      ? {}
      : { detail: `the bucket is in region ${region}: set PDVEND_BLOB_REGION=${region}` }),
  })
}

const WRONG_REGION_KEYS = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', '301', 'IllegalLocationConstraintException'])

function keysOf(cause: unknown): readonly (string | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { Code, name, code, message = '', $metadata } = cause as VendorError
  const status = $metadata?.httpStatusCode
  // What is an Error of another realm, as under test runners, the SDK wraps without its code.
  if (message.startsWith('AWS SDK error wrapper for Error')) return [/\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? 'ECONNRESET']
  // The SDK saw that its clock was off, and corrected it.
  if (status === 403 && Code === undefined && $metadata?.clockSkewCorrected === true) return ['RequestTimeTooSkewed']
  return [Code, name, typeof code === 'string' ? code : undefined, status === undefined ? undefined : `status-${status}`]
}
