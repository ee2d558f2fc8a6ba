import { awsErrorKeys, awsErrorRows, connectionErrorRows } from '@pdvend/client-aws'
import { type ErrorRow, errorTable } from '@pdvend/ports'

const VARIABLES = 'PDVEND_TELEMETRY'
const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'the stream takes no more for now' }

export const fail = errorTable(
  'aws-firehose',
  {
    ...awsErrorRows(VARIABLES, { slow: SLOW }),
    ...connectionErrorRows(VARIABLES),
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
    ConcurrentModificationException: { code: 'UNAVAILABLE', outcome: 'not-applied' },
    ResourceInUseException: { code: 'UNAVAILABLE', outcome: 'not-applied', detail: 'the stream is being made or changed' },
    // An answer that breaks off is no JSON.
    SyntaxError: { code: 'UNAVAILABLE', outcome: 'unknown' },
    'status 503': SLOW,
  },
  awsErrorKeys,
)
