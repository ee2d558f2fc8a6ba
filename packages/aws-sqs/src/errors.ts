import { awsErrorKeys, awsErrorRows, connectionErrorRows } from '@pdvend/client-aws'
import { type ErrorRow, errorTable, type Fail } from '@pdvend/ports'

export const ADAPTER = 'aws-sqs'
const VARIABLES = 'PDVEND_JOBS'

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'the service takes no more for now' }
const DOWN: ErrorRow = { code: 'UNAVAILABLE', outcome: 'not-applied' }
const DENIED: ErrorRow = {
  code: 'PERMISSION_DENIED',
  detail:
    'the policy of the key, of the role, of the queue or of the bucket does not allow it: pdvend provision --print-iam prints what is needed',
}
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
    ...awsErrorRows(VARIABLES, { slow: SLOW }),
    ...connectionErrorRows(VARIABLES, 'PDVEND_JOBS_ENDPOINT, PDVEND_JOBS_BUCKET_ENDPOINT'),
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
    SlowDown: SLOW,
    ServiceUnavailable: DOWN,
    ServiceUnavailableException: DOWN,
    PermanentRedirect: WRONG_REGION,
    AuthorizationHeaderMalformed: WRONG_REGION,
    IllegalLocationConstraintException: WRONG_REGION,
    'damaged answer': { code: 'INTEGRITY_FAILED', retryable: true, detail: 'the bytes that arrived do not fit their checksum' },
    'status 404': 'NOT_FOUND',
    'status 412': 'PRECONDITION_FAILED',
    'status 503': SLOW,
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

interface VendorError {
  readonly message?: string
}

function keysOf(cause: unknown): readonly (string | number | undefined)[] {
  const { message = '' } = (cause ?? {}) as VendorError
  // A stale receipt handle of a FIFO queue has no name of its own.
  if (/receipt handle/i.test(message)) return ['ReceiptHandleIsInvalid']
  if (message.startsWith('Checksum mismatch')) return ['damaged answer']
  return [...awsErrorKeys(cause), message === 'aborted' ? 'ECONNRESET' : undefined]
}
