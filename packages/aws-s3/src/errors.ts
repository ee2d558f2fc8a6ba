import { awsErrorKeys, awsErrorRows, connectionErrorRows } from '@pdvend/client-aws'
import { errorTable, type ErrorRow } from '@pdvend/ports'

const VARIABLES = 'PDVEND_BLOB'

const CONFLICT: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'another conditional write to this key was under way: the condition is to be looked at again',
}
const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied' }
const BROKEN: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const SKEWED: ErrorRow = {
  ...RENEWED,
  detail: "this machine's clock differs from the store's: the next try is signed with the store's time",
}
const DAMAGED: ErrorRow = { code: 'INTEGRITY_FAILED', detail: 'the bytes that arrived do not fit the checksum that was sent' }
const WRONG_REGION: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: 'the bucket is in another region than PDVEND_BLOB_REGION or AWS_REGION says',
}
const METADATA: ErrorRow = {
  code: 'INVALID_ARGUMENT',
  detail: 'metadata: give less; what is no plain ASCII takes more room than it has bytes',
}

/** The SDK's error names, and below them the status of answers without a body (HEAD). */
const fail = errorTable(
  'aws-s3',
  {
    ...awsErrorRows(VARIABLES),
    ...connectionErrorRows(VARIABLES),
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
    RequestTimeTooSkewed: SKEWED,
    RequestExpired: SKEWED,
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
    ServiceUnavailable: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    XMinioServerNotInitialized: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    RequestTimeout: BROKEN,
    RequestTimeoutException: BROKEN,
    TimeoutError: BROKEN,
    HPE_INVALID_CONSTANT: BROKEN,
    ETIMEDOUT: BROKEN,
    'status 301': WRONG_REGION,
    'status 304': 'PRECONDITION_FAILED',
    // Answers to HEAD have no body to say why; what remains of the reasons for a 400 is an expired session token.
    'status 400': { ...RENEWED, detail: 'refused without a reason, as expired session tokens are: it is fetched anew for the next try' },
    'status 403': 'PERMISSION_DENIED',
    'status 404': 'NOT_FOUND',
    'status 412': 'PRECONDITION_FAILED',
    'status 416': 'RANGE_NOT_SATISFIABLE',
    'status 503': { code: 'UNAVAILABLE', outcome: 'not-applied' },
  },
  keysOf,
)

/** What the SDK attaches to its errors. */
interface VendorError {
  readonly name?: string
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
  const region = $response?.headers?.['x-amz-bucket-region'] ?? /expecting '([a-z0-9-]+)'/.exec(message ?? '')?.[1]
  return fail(operation, cause, target, {
    ...($metadata?.requestId === undefined ? {} : { requestId: $metadata.requestId }),
    ...(region === undefined || !WRONG_REGION_KEYS.has(keysOf(cause).find((key) => key !== undefined))
      ? {}
      : { detail: `the bucket is in region ${region}: set PDVEND_BLOB_REGION=${region}` }),
  })
}

const WRONG_REGION_KEYS = new Set<string | number | undefined>([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  '301',
  'IllegalLocationConstraintException',
])

function keysOf(cause: unknown): readonly (string | number | undefined)[] {
  const { Code, $metadata } = (cause ?? {}) as VendorError
  // The SDK saw that its clock was off, and corrected it.
  if ($metadata?.httpStatusCode === 403 && Code === undefined && $metadata.clockSkewCorrected === true) return ['RequestTimeTooSkewed']
  return awsErrorKeys(cause)
}
