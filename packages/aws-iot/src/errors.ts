import type { ErrorRow, PortError } from '@pdvend/ports'
import { brokerOf } from '@pdvend/push-mqtt'

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'AWS IoT takes no more for now: see its quotas' }
const UNREACHED: ErrorRow = {
  code: 'UNAVAILABLE',
  outcome: 'not-applied',
  detail: 'nothing answers there: check PDVEND_PUSH_ENDPOINT, PDVEND_PUSH_REGION and the network',
}
const CUT: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
const CREDENTIALS: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail:
    'check PDVEND_PUSH_ACCESS_KEY and PDVEND_PUSH_SECRET_KEY, or the AWS profile or role, and that PDVEND_PUSH_REGION is that of the endpoint',
}
/** The SDK takes credentials and clock anew for the next try. */
const RENEWED = { code: 'UNAVAILABLE', outcome: 'not-applied', retryable: true } as const
const SKEWED: ErrorRow = { ...RENEWED, detail: "this machine's clock differs from that of AWS: the next try is signed with their time" }
const DENIED: ErrorRow = { code: 'PERMISSION_DENIED', detail: 'the key or role lacks a right: `pdvend provision --print-iam` prints them' }

/** What the SDK, MQTT and Node call it; a status that has no name is looked up by its number. */
export const broker = brokerOf(
  {
    adapter: 'aws-iot',
    address: 'PDVEND_PUSH_ENDPOINT or PDVEND_PUSH_URL',
    login: "PDVEND_PUSH_ACCESS_KEY and PDVEND_PUSH_SECRET_KEY, or the AWS profile or role, PDVEND_PUSH_REGION, and this machine's clock",
    rules: 'iot:Subscribe, iot:Receive and iot:Publish of the key or role (`pdvend provision --print-iam` prints them)',
    trust: 'NODE_EXTRA_CA_CERTS',
    certificate: 'the app, which has none: it comes by a signed address',
  },
  {
    // A signed address that is wrong is refused before MQTT begins.
    134: {
      code: 'PERMISSION_DENIED',
      detail: 'the key or role may not connect: allow iot:Connect on client/app~<namespace>~* (`pdvend provision --print-iam` prints it)',
    },
    ForbiddenException: DENIED,
    AccessDeniedException: DENIED,
    UnauthorizedException: CREDENTIALS,
    InvalidRequestException: 'INVALID_ARGUMENT',
    ResourceNotFoundException: 'NOT_FOUND',
    RequestEntityTooLargeException: 'TOO_LARGE',
    ThrottlingException: SLOW,
    TooManyRequestsException: SLOW,
    ServiceUnavailableException: CUT,
    InternalFailureException: CUT,
    GatewayTimeoutException: { ...CUT, detail: 'the device did not acknowledge in time' },
    UnrecognizedClientException: CREDENTIALS,
    InvalidClientTokenId: CREDENTIALS,
    InvalidSignatureException: CREDENTIALS,
    SignatureDoesNotMatch: CREDENTIALS,
    MissingAuthenticationTokenException: CREDENTIALS,
    IncompleteSignatureException: CREDENTIALS,
    CredentialsProviderError: {
      code: 'UNAUTHENTICATED',
      detail: 'no credentials: give PDVEND_PUSH_ACCESS_KEY and PDVEND_PUSH_SECRET_KEY, AWS_* variables, an AWS profile, or a role',
    },
    ExpiredTokenException: { ...RENEWED, detail: 'the session token had expired: it is fetched anew for the next try' },
    RequestExpired: SKEWED,
    RequestTimeTooSkewed: SKEWED,
    TimeoutError: { code: 'UNAVAILABLE', outcome: 'unknown', detail: 'no answer within PDVEND_PUSH_REQUEST_TIMEOUT_MS' },
    ECONNREFUSED: UNREACHED,
    ENOTFOUND: UNREACHED,
    EAI_AGAIN: UNREACHED,
    'no region': { code: 'CONFIG_INVALID', detail: 'no region: set PDVEND_PUSH_REGION or AWS_REGION' },
    'status 400': 'INVALID_ARGUMENT',
    'status 403': CREDENTIALS,
    'status 404': 'NOT_FOUND',
    'status 413': 'TOO_LARGE',
    'status 429': SLOW,
    'status 500': CUT,
    'status 502': CUT,
    'status 503': CUT,
    'status 504': CUT,
  },
  keysOf,
)
export const { fail } = broker

export function wrong(detail: string, cause?: unknown): PortError {
  return broker.error('CONFIG_INVALID', 'open', detail, cause)
}

function keysOf(cause: unknown): readonly (string | number | undefined)[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { name, code, message, $metadata } = cause as {
    name?: string
    code?: string | number
    message?: string
    $metadata?: { httpStatusCode?: number }
  }
  // So the SDK calls errors of another realm, and such that are no Error: what they said stands behind it.
  if (message?.startsWith('AWS SDK error wrapper for ') === true) return [/\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? 'ECONNRESET']
  const region = message === 'Region is missing' ? 'no region' : undefined
  const reset = message === 'socket hang up' ? 'ECONNRESET' : undefined
  const status = $metadata?.httpStatusCode
  return [region, name, code, reset, status === undefined ? undefined : `status ${status}`]
}
