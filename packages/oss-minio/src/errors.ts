import { errorTable, type ErrorRow } from '@pdvend/ports'
import { S3Error } from './client/s3-error.js'
import { TransportError } from './client/transport-error.js'

const config = (detail: string): ErrorRow => ({ code: 'CONFIG_INVALID', detail })
const away = (detail: string): ErrorRow => ({ code: 'UNAVAILABLE', detail, outcome: 'not-applied' })
const certificate = config('the store’s certificate is not trusted: set PDVEND_BLOB_CA_FILE to the one that signed it')
const secretKey: ErrorRow = { code: 'UNAUTHENTICATED', detail: 'the secret does not fit the access key: check PDVEND_BLOB_SECRET_KEY' }
const wrongRegion = config('the bucket is in another region: set PDVEND_BLOB_REGION')
const integrity: ErrorRow = { code: 'INTEGRITY_FAILED', detail: 'what arrived at the store is not what was sent; nothing was written' }
const full: ErrorRow = { code: 'UNAVAILABLE', detail: 'the store has no space left', retryable: false, outcome: 'not-applied' }

/** What the store and the network say, in the port's words: the store's code first, then the status, then Node's code. */
export const fail = errorTable(
  'oss-minio',
  {
    NoSuchKey: 'NOT_FOUND',
    NoSuchBucket: { code: 'NOT_FOUND', detail: 'the bucket of PDVEND_BLOB_BUCKET does not exist: make it with `pdvend provision`' },
    InvalidBucketName: config('the store refuses the name of PDVEND_BLOB_BUCKET'),
    NoSuchUpload: { code: 'UNAVAILABLE', detail: 'the upload was removed while it ran: send it again' },
    PreconditionFailed: 'PRECONDITION_FAILED',
    NotModified: 'PRECONDITION_FAILED',
    ConditionalRequestConflict: { code: 'UNAVAILABLE', detail: 'another write was under way', outcome: 'not-applied' },
    OperationAborted: { code: 'UNAVAILABLE', detail: 'another write was under way', outcome: 'not-applied' },
    InvalidRange: 'RANGE_NOT_SATISFIABLE',
    AccessDenied: { code: 'PERMISSION_DENIED', detail: 'the access key of PDVEND_BLOB_ACCESS_KEY may not do this' },
    AllAccessDisabled: 'PERMISSION_DENIED',
    InvalidAccessKeyId: { code: 'UNAUTHENTICATED', detail: 'the store does not know the access key: check PDVEND_BLOB_ACCESS_KEY' },
    SignatureDoesNotMatch: secretKey,
    ExpiredToken: 'UNAUTHENTICATED',
    RequestTimeTooSkewed: { code: 'UNAUTHENTICATED', detail: 'the clocks of this machine and of the store differ by minutes: set them' },
    AuthorizationHeaderMalformed: wrongRegion,
    PermanentRedirect: wrongRegion,
    IllegalLocationConstraintException: wrongRegion,
    EntityTooLarge: 'TOO_LARGE',
    KeyTooLongError: 'INVALID_ARGUMENT',
    MetadataTooLarge: 'INVALID_ARGUMENT',
    BadDigest: integrity,
    InvalidDigest: integrity,
    XAmzContentChecksumMismatch: integrity,
    XAmzContentSHA256Mismatch: integrity,
    IncompleteBody: { code: 'UNAVAILABLE', detail: 'the body did not arrive whole', outcome: 'not-applied' },
    RequestTimeout: { code: 'UNAVAILABLE', detail: 'the body did not arrive in time', outcome: 'not-applied' },
    SlowDown: 'RATE_LIMITED',
    TooManyRequests: 'RATE_LIMITED',
    NotImplemented: 'UNSUPPORTED',
    'HTTP 301': wrongRegion,
    'HTTP 304': 'PRECONDITION_FAILED',
    'HTTP 307': wrongRegion,
    'HTTP 401': 'UNAUTHENTICATED',
    'HTTP 403': { code: 'PERMISSION_DENIED', detail: 'check PDVEND_BLOB_ACCESS_KEY, PDVEND_BLOB_SECRET_KEY and what the key may do' },
    'HTTP 404': 'NOT_FOUND',
    'HTTP 408': { code: 'UNAVAILABLE', outcome: 'not-applied' },
    'HTTP 412': 'PRECONDITION_FAILED',
    'HTTP 416': 'RANGE_NOT_SATISFIABLE',
    'HTTP 429': 'RATE_LIMITED',
    'HTTP 500': { code: 'UNAVAILABLE', outcome: 'unknown' },
    'HTTP 501': 'UNSUPPORTED',
    'HTTP 502': { code: 'UNAVAILABLE', outcome: 'unknown' },
    'HTTP 503': { code: 'UNAVAILABLE', outcome: 'unknown' },
    'HTTP 504': { code: 'UNAVAILABLE', outcome: 'unknown' },
    'HTTP 507': full,
    'plain text': config('a TLS port was spoken to in plain text: PDVEND_BLOB_ENDPOINT must begin with https://'),
    ECONNREFUSED: away('nothing listens at PDVEND_BLOB_ENDPOINT'),
    ENOTFOUND: away('the host of PDVEND_BLOB_ENDPOINT is not known to the DNS'),
    EAI_AGAIN: away('the DNS does not answer for the host of PDVEND_BLOB_ENDPOINT'),
    EHOSTUNREACH: away('no way leads to the host of PDVEND_BLOB_ENDPOINT'),
    ENETUNREACH: away('no way leads to the host of PDVEND_BLOB_ENDPOINT'),
    NO_CONNECTION: away('PDVEND_BLOB_ENDPOINT does not answer within PDVEND_BLOB_CONNECT_TIMEOUT_MS'),
    NOT_SENT: away('the connection broke before the request had left whole'),
    SILENT: { code: 'UNAVAILABLE', detail: 'the store was silent for PDVEND_BLOB_IDLE_TIMEOUT_MS', outcome: 'unknown' },
    BODY_ENDED: { code: 'UNAVAILABLE', detail: 'the body broke off', outcome: 'unknown' },
    ECONNRESET: { code: 'UNAVAILABLE', outcome: 'unknown' },
    EPIPE: { code: 'UNAVAILABLE', outcome: 'unknown' },
    ETIMEDOUT: { code: 'UNAVAILABLE', outcome: 'unknown' },
    EPROTO: config('PDVEND_BLOB_ENDPOINT begins with https://, but no TLS is spoken there'),
    ERR_SSL_WRONG_VERSION_NUMBER: config('PDVEND_BLOB_ENDPOINT begins with https://, but no TLS is spoken there'),
    ERR_TLS_CERT_ALTNAME_INVALID: config('the store’s certificate is for another host than that of PDVEND_BLOB_ENDPOINT'),
    CERT_HAS_EXPIRED: config('the store’s certificate has expired'),
    DEPTH_ZERO_SELF_SIGNED_CERT: certificate,
    SELF_SIGNED_CERT_IN_CHAIN: certificate,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate,
    UNABLE_TO_GET_ISSUER_CERT: certificate,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate,
  },
  keysOf,
)

function keysOf(cause: unknown): readonly string[] {
  if (cause instanceof S3Error) {
    if (cause.status === 400 && /HTTP request to an HTTPS/i.test(cause.message)) return ['plain text']
    // Stores that keep their users apart have a code of their own for one that is not there, with status 404.
    if (/UserNotFound$/.test(cause.code)) return ['InvalidAccessKeyId']
    // Some tell a full disk by its code, some only in the text of an internal error.
    if (cause.status >= 500 && /no space left/i.test(cause.message)) return ['HTTP 507']
    return [cause.code, `HTTP ${cause.status}`]
  }
  if (isRefusal(cause)) return [cause.refusal]
  // Before it has left whole, any break is one that did nothing; but a row of its own says more.
  if (cause instanceof TransportError)
    return cause.sent || !/^(?:ECONNRESET|EPIPE|ETIMEDOUT|SILENT)$/.test(cause.code) ? [cause.code] : ['NOT_SENT']
  return []
}

/** One key's error in the answer to a request about many: a code without a status. */
function isRefusal(cause: unknown): cause is Error & { readonly refusal: string } {
  return cause instanceof Error && 'refusal' in cause
}
