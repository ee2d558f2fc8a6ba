import { type ErrorRow, errorTable, type Fail } from '@pdvend/ports'

export const ADAPTER = 'push-journal'

const tls = (what: string): ErrorRow => ({
  code: 'CONFIG_INVALID',
  detail: `${what}: mend the server's certificate, or give sslrootcert or another sslmode in PDVEND_PUSH_JOURNAL`,
})
const gone: ErrorRow = {
  code: 'UNAVAILABLE',
  retryable: false,
  detail: "the journal's tables are gone from the database of PDVEND_PUSH_JOURNAL: start the app again, which makes them anew",
}
const inTheWay: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: 'the schema in the database of PDVEND_PUSH_JOURNAL holds something that is not the journal’s: name another schema',
}
const unsure: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown', detail: 'the connection to the server of PDVEND_PUSH_JOURNAL broke' }
const silent: ErrorRow = { code: 'UNAVAILABLE', outcome: 'unknown', detail: 'the server of PDVEND_PUSH_JOURNAL gave no answer in time' }
const away = (detail: string): ErrorRow => ({ code: 'UNAVAILABLE', outcome: 'not-applied', detail })

/**
 * By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), then its class, then the system's code, then
 * the client's words, for `pg` 8 gives no code to its own. No row holds an address: that is the error's target at `open`.
 */
export const fail: Fail = errorTable(
  ADAPTER,
  {
    '28P01': { code: 'UNAUTHENTICATED', detail: 'the server refuses the user or the password of PDVEND_PUSH_JOURNAL' },
    '28': { code: 'UNAUTHENTICATED', detail: 'the server refuses the user of PDVEND_PUSH_JOURNAL: see its pg_hba.conf' },
    '3D000': { code: 'NOT_FOUND', detail: 'the database of PDVEND_PUSH_JOURNAL does not exist: create it, or name another' },
    '42501': {
      code: 'PERMISSION_DENIED',
      detail:
        'the user of PDVEND_PUSH_JOURNAL lacks a privilege: let it create the schema, or let the owner of the schema start the app once',
    },
    '42P01': gone,
    '42883': gone,
    '3F000': gone,
    '42P07': inTheWay,
    '42710': inTheWay,
    '42723': inTheWay,
    '25006': away('the server of PDVEND_PUSH_JOURNAL takes no writes: is it a standby?'),
    '40': away('another instance held the rows for too long'),
    '55P03': away('another instance held the rows for too long'),
    '53100': { code: 'UNAVAILABLE', retryable: false, detail: 'the disk of the server of PDVEND_PUSH_JOURNAL is full' },
    '53300': away('the server of PDVEND_PUSH_JOURNAL has no connection left: raise its max_connections or lower the pool size'),
    '53': away('the server of PDVEND_PUSH_JOURNAL is short of resources'),
    '57014': {
      code: 'DEADLINE_EXCEEDED',
      outcome: 'not-applied',
      detail: 'the server of PDVEND_PUSH_JOURNAL took longer than the statement timeout',
    },
    '57P03': away('the server of PDVEND_PUSH_JOURNAL is starting or stopping'),
    '57': unsure,
    '08': unsure,
    '22': 'INVALID_ARGUMENT',
    '54': 'TOO_LARGE',
    XX001: { code: 'INTEGRITY_FAILED', detail: 'the database of PDVEND_PUSH_JOURNAL is damaged: restore it from a backup' },
    XX002: { code: 'INTEGRITY_FAILED', detail: 'an index of the database of PDVEND_PUSH_JOURNAL is damaged: REINDEX it' },
    ECONNREFUSED: away('nothing listens at the address of PDVEND_PUSH_JOURNAL'),
    ENOTFOUND: away('the host of PDVEND_PUSH_JOURNAL has no address'),
    EAI_AGAIN: away('the host of PDVEND_PUSH_JOURNAL has no address now'),
    EHOSTUNREACH: away('the host of PDVEND_PUSH_JOURNAL cannot be reached'),
    ENETUNREACH: away('the host of PDVEND_PUSH_JOURNAL cannot be reached'),
    ENOENT: away('the socket of PDVEND_PUSH_JOURNAL does not exist'),
    EACCES: { code: 'PERMISSION_DENIED', detail: 'the socket of PDVEND_PUSH_JOURNAL may not be opened' },
    ECONNRESET: unsure,
    EPIPE: unsure,
    ETIMEDOUT: unsure,
    'no connection': away('the server of PDVEND_PUSH_JOURNAL did not take a connection in time'),
    'broken connection': unsure,
    'no answer': silent,
    'no password': { code: 'UNAUTHENTICATED', detail: 'the server asks for a password and PDVEND_PUSH_JOURNAL has none' },
    'no TLS': {
      code: 'CONFIG_INVALID',
      detail:
        'the server of PDVEND_PUSH_JOURNAL takes no TLS: turn it on there; sslmode=disable in the address sends the data in plain text',
    },
    DEPTH_ZERO_SELF_SIGNED_CERT: tls('nobody known vouches for the certificate of PDVEND_PUSH_JOURNAL'),
    SELF_SIGNED_CERT_IN_CHAIN: tls('nobody known vouches for the certificate of PDVEND_PUSH_JOURNAL'),
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: tls('nobody known vouches for the certificate of PDVEND_PUSH_JOURNAL'),
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: tls('nobody known vouches for the certificate of PDVEND_PUSH_JOURNAL'),
    CERT_HAS_EXPIRED: tls('the certificate of PDVEND_PUSH_JOURNAL has expired'),
    ERR_TLS_CERT_ALTNAME_INVALID: tls('the certificate of PDVEND_PUSH_JOURNAL is for another host'),
  },
  (cause) => {
    const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
    return [...(typeof code === 'string' ? [code, code.slice(0, 2)] : []), wordsOf(String(message))]
  },
)

/** What `pg` 8.23 and `pg-pool` 3.14 say without a code (read in their source, Nov 2026). */
function wordsOf(message: string): string | undefined {
  if (/timeout exceeded when trying to connect|due to connection timeout|timeout expired/.test(message)) return 'no connection'
  if (/Query read timeout/.test(message)) return 'no answer'
  if (/terminated unexpectedly|Connection terminated|connection error|not queryable/i.test(message)) return 'broken connection'
  if (/client password must be a string|password must be/.test(message)) return 'no password'
  if (/does not support SSL connections/.test(message)) return 'no TLS'
  return undefined
}
