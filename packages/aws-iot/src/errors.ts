import { awsErrorKeys, awsErrorRows, connectionErrorRows } from '@pdvend/client-aws'
import type { ErrorRow, PortError } from '@pdvend/ports'
import { brokerOf } from '@pdvend/push-mqtt'

const SLOW: ErrorRow = { code: 'RATE_LIMITED', outcome: 'not-applied', detail: 'AWS IoT takes no more for now: see its quotas' }
const CUT: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown' }
const CREDENTIALS: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail:
    'check PDVEND_PUSH_ACCESS_KEY and PDVEND_PUSH_SECRET_KEY, or the AWS profile or role, and that PDVEND_PUSH_REGION is that of the endpoint',
}
const DENIED: ErrorRow = { code: 'PERMISSION_DENIED', detail: 'the key or role lacks a right: `pdvend provision --print-iam` prints them' }

/** A connection that was made and breaks is MQTT's: for it the broker's rows stand. */
const { ECONNREFUSED, ENOTFOUND, EAI_AGAIN } = connectionErrorRows('PDVEND_PUSH')

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
    ...awsErrorRows('PDVEND_PUSH', { slow: SLOW, refused: CREDENTIALS }),
    ECONNREFUSED,
    ENOTFOUND,
    EAI_AGAIN,
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
    ServiceUnavailableException: CUT,
    InternalFailureException: CUT,
    GatewayTimeoutException: { ...CUT, detail: 'the device did not acknowledge in time' },
    'status 404': 'NOT_FOUND',
    'status 503': CUT,
  },
  awsErrorKeys,
)
export const { fail } = broker

export function wrong(detail: string, cause?: unknown): PortError {
  return broker.error('CONFIG_INVALID', 'open', detail, cause)
}
