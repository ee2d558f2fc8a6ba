import { type ErrorRow, errorTable, type Fail } from '@pdvend/ports'

export const ADAPTER = 'aws-sqs'

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'the service takes no more for now' }
const CUT: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
const DOWN: ErrorRow = { code: 'UNAVAILABLE', outcome: 'not-applied' }
const UNREACHED: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'nothing answers there: check PDVEND_JOBS_ENDPOINT, PDVEND_JOBS_BUCKET_ENDPOINT, PDVEND_JOBS_REGION and the network',
}
const CREDENTIALS: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail: 'check PDVEND_JOBS_ACCESS_KEY and PDVEND_JOBS_SECRET_KEY, or the AWS profile or role',
}
const DENIED: ErrorRow = {
  code: 'PERMISSION_DENIED',
  detail:
    'the policy of the key, of the role, of the queue or of the bucket does not allow it: pdvend provision --print-iam prints what is needed',
}
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const EXPIRED: ErrorRow = { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' }
const SKEWED: ErrorRow = { ...RENEWED, detail: "this machine's clock differs from that of AWS: the next try is signed with their time" }
const NO_QUEUE: ErrorRow = {
  code: 'NOT_FOUND',
  detail: 'there is no such queue in this account and region: pdvend provision makes it',
}
const KMS: ErrorRow = { code: 'PERMISSION_DENIED', detail: 'the KMS key of the queue or bucket cannot be used: see its state and policy' }
const OVER_LIMIT: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'as many messages are in flight as the queue allows' }
const LOST: ErrorRow = { code: 'LEASE_LOST', detail: 'the message was given to another, or its time was over' }
const WRONG_REGION: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: 'the bucket is in another region than PDVEND_JOBS_REGION or AWS_REGION says',
}
const BAD_MESSAGE: ErrorRow = 'INVALID_ARGUMENT'

/** What SQS, S3, the SDK and Node call it; a status that has no name is looked up by its number. */
const table = errorTable(
  ADAPTER,
  {
    QueueDoesNotExist: NO_QUEUE,
    'AWS.SimpleQueueService.NonExistentQueue': NO_QUEUE,
    QueueDeletedRecently: { code: 'UNAVAILABLE', outcome: 'not-applied', detail: 'the queue was deleted within the last minute' },
    NoSuchBucket: { code: 'NOT_FOUND', detail: 'there is no bucket of the name PDVEND_JOBS_BUCKET: pdvend provision makes it' },
    NoSuchKey: 'NOT_FOUND',
    NotFound: 'NOT_FOUND',
    PreconditionFailed: 'PRECONDITION_FAILED',
    ConditionalRequestConflict: {
      code: 'UNAVAILABLE',
      outcome: 'not-applied',
      detail: 'another conditional write to this key was under way',
    },
    OperationAborted: DOWN,
    OverLimit: OVER_LIMIT,
    ReceiptHandleIsInvalid: LOST,
    MessageNotInflight: LOST,
    'AWS.SimpleQueueService.MessageNotInflight': LOST,
    InvalidParameterValue: BAD_MESSAGE,
    InvalidAttributeValue: BAD_MESSAGE,
    InvalidMessageContents: BAD_MESSAGE,
    BatchRequestTooLong: 'TOO_LARGE',
    'AWS.SimpleQueueService.BatchRequestTooLong': 'TOO_LARGE',
    EntityTooLarge: 'TOO_LARGE',
    UnsupportedOperation: { code: 'CONFIG_INVALID', detail: 'the queue is of another kind than its name says' },
    'AWS.SimpleQueueService.UnsupportedOperation': { code: 'CONFIG_INVALID', detail: 'the queue is of another kind than its name says' },
    AccessDenied: DENIED,
    AccessDeniedException: DENIED,
    KmsAccessDenied: KMS,
    KmsDisabled: KMS,
    KmsInvalidKeyUsage: KMS,
    KmsInvalidState: KMS,
    KmsNotFound: KMS,
    KmsOptInRequired: KMS,
    'KMS.AccessDeniedException': KMS,
    KmsThrottled: SLOW,
    RequestThrottled: SLOW,
    ThrottlingException: SLOW,
    Throttling: SLOW,
    RequestLimitExceeded: SLOW,
    TooManyRequestsException: SLOW,
    SlowDown: SLOW,
    ServiceUnavailable: DOWN,
    ServiceUnavailableException: DOWN,
    InternalError: CUT,
    InternalFailure: CUT,
    InternalServerError: CUT,
    UnrecognizedClientException: CREDENTIALS,
    InvalidClientTokenId: CREDENTIALS,
    InvalidAccessKeyId: CREDENTIALS,
    InvalidSignatureException: CREDENTIALS,
    SignatureDoesNotMatch: CREDENTIALS,
    MissingAuthenticationTokenException: CREDENTIALS,
    MissingAuthenticationToken: CREDENTIALS,
    IncompleteSignatureException: CREDENTIALS,
    InvalidSecurity: CREDENTIALS,
    CredentialsProviderError: {
      code: 'UNAUTHENTICATED',
      detail: 'no credentials: give PDVEND_JOBS_ACCESS_KEY and PDVEND_JOBS_SECRET_KEY, AWS_* variables, an AWS profile, or a role',
    },
    ExpiredTokenException: EXPIRED,
    ExpiredToken: EXPIRED,
    TokenRefreshRequired: EXPIRED,
    RequestExpired: SKEWED,
    RequestTimeTooSkewed: SKEWED,
    PermanentRedirect: WRONG_REGION,
    AuthorizationHeaderMalformed: WRONG_REGION,
    IllegalLocationConstraintException: WRONG_REGION,
    TimeoutError: { code: 'UNAVAILABLE', outcome: 'unknown', detail: 'no answer within PDVEND_JOBS_REQUEST_TIMEOUT_MS' },
    ECONNREFUSED: UNREACHED,
    ENOTFOUND: UNREACHED,
    EAI_AGAIN: UNREACHED,
    EHOSTUNREACH: UNREACHED,
    ENETUNREACH: UNREACHED,
    ETIMEDOUT: UNREACHED,
    ECONNRESET: CUT,
    ERR_STREAM_PREMATURE_CLOSE: CUT,
    EPIPE: CUT,
    'damaged answer': { code: 'INTEGRITY_FAILED', retryable: true, detail: 'the bytes that arrived do not fit their checksum' },
    'no region': { code: 'CONFIG_INVALID', detail: 'no region: set PDVEND_JOBS_REGION or AWS_REGION' },
    400: 'INVALID_ARGUMENT',
    403: CREDENTIALS,
    404: 'NOT_FOUND',
    412: 'PRECONDITION_FAILED',
    413: 'TOO_LARGE',
    429: SLOW,
    500: CUT,
    502: CUT,
    503: SLOW,
    504: CUT,
  },
  keysOf,
)

export const fail: Fail = (operation, cause, target, details) => table(operation, cause, target, { ...lacking(cause), ...details })

/** What to allow, where AWS names it: `User: … is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:…`. */
function lacking(cause: unknown): { readonly detail?: string } {
  const { message = '' } = (cause ?? {}) as VendorError
  const [, action, resource] = /not authorized to perform: (\S+) on resource: "?([^\s"]+)"?/.exec(message) ?? []
  return action === undefined ? {} : { detail: `allow ${action} on ${resource} to these credentials` }
}

/** What the SDK attaches to its errors; `Code` is S3's. */
interface VendorError {
  readonly name?: string
  readonly Code?: string
  readonly code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

function keysOf(cause: unknown): readonly (string | number | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { name, Code, code, message = '', $metadata } = cause as VendorError
  if (message === 'Region is missing') return ['no region']
  // How SQS calls a clock that is off: `Signature expired: …` or `Signature not yet current: …`.
  if (name === 'InvalidSignatureException' && /^signature (expired|not yet current)/i.test(message)) return ['RequestTimeTooSkewed']
  // A stale receipt handle of a FIFO queue has no name of its own.
  if (/receipt handle/i.test(message)) return ['ReceiptHandleIsInvalid']
  // What is an Error of another realm, as under test runners, the SDK wraps without its code.
  const wrapped = /^AWS SDK error wrapper for (\w+)/.exec(message)
  if (wrapped !== null) return [/\bE[A-Z]{4,}\b/.exec(message)?.[0], wrapped[1], 'ECONNRESET']
  if (message.startsWith('Checksum mismatch')) return ['damaged answer']
  const reset = message === 'socket hang up' || message === 'aborted' ? 'ECONNRESET' : undefined
  return [Code, name, code, reset, $metadata?.httpStatusCode]
}
