import { type ErrorRow, errorTable, type Fail, PortError, type PortErrorCode } from '@pdvend/ports'

/** What the operator of one kind of broker calls the things by which faults are mended. */
export interface BrokerWords {
  readonly adapter: string
  /** Setting that says where it is. */
  readonly address: string
  /** Settings by which the app is let in. */
  readonly login: string
  /** Where it is written what the app may do. */
  readonly rules: string
  /** Setting that says whose certificates are good. */
  readonly trust: string
  /** Setting that holds the app's own certificate. */
  readonly certificate: string
}

/** A kind of broker, as errors tell of it. */
export interface Broker extends BrokerWords {
  readonly fail: Fail
  error(code: PortErrorCode, operation: string | undefined, detail?: string, cause?: unknown): PortError
}

/** By Node's error code, or MQTT's return or reason code (CONNACK of 3.1.1: 3 to 5; 5.0: section 2.4); `more` adds to it. */
export function brokerOf(
  words: BrokerWords,
  more: Readonly<Record<string, ErrorRow>> = {},
  keysOf?: (cause: unknown) => readonly (string | number | undefined)[],
): Broker {
  const { adapter, address, login, rules, trust, certificate: own } = words
  const unreachable: ErrorRow = { code: 'UNAVAILABLE', detail: `nothing answers there: check ${address} and that the broker runs` }
  const closed: ErrorRow = { code: 'UNAVAILABLE', detail: 'the broker closed the connection' }
  const busy: ErrorRow = { code: 'UNAVAILABLE', detail: 'the broker takes no more for now' }
  const clientId: ErrorRow = { code: 'CONFIG_INVALID', detail: "the broker refuses the app's client id" }
  const refused: ErrorRow = { code: 'UNAUTHENTICATED', detail: `the broker refuses the user name or password: check ${login}` }
  const certificate: ErrorRow = {
    code: 'CONFIG_INVALID',
    detail: `the broker's certificate does not fit: check ${trust} and the host in ${address}`,
  }
  const notTls: ErrorRow = {
    code: 'CONFIG_INVALID',
    detail: `the broker does not speak TLS there, or not as we do: check the port and mqtt:// or mqtts:// of ${address}`,
  }
  const clientCertificate: ErrorRow = {
    code: 'UNAUTHENTICATED',
    detail: `the broker refuses the certificate of ${own}, or misses one`,
  }
  const table: Record<string, ErrorRow> = {
    ECONNREFUSED: unreachable,
    ENOTFOUND: unreachable,
    EAI_AGAIN: unreachable,
    EHOSTUNREACH: unreachable,
    ENETUNREACH: unreachable,
    ETIMEDOUT: unreachable,
    ECONNRESET: closed,
    EPIPE: closed,
    SELF_SIGNED_CERT_IN_CHAIN: certificate,
    DEPTH_ZERO_SELF_SIGNED_CERT: certificate,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate,
    ERR_TLS_CERT_ALTNAME_INVALID: certificate,
    CERT_HAS_EXPIRED: certificate,
    CERT_NOT_YET_VALID: certificate,
    ERR_SSL_WRONG_VERSION_NUMBER: notTls,
    ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
    ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate,
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: clientCertificate,
    ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: clientCertificate,
    2: clientId,
    3: busy,
    4: refused,
    5: refused,
    132: { code: 'CONFIG_INVALID', detail: 'the broker does not speak this MQTT version: check PDVEND_PUSH_PROTOCOL' },
    133: clientId,
    134: refused,
    135: { code: 'PERMISSION_DENIED', detail: `the broker does not allow it: check ${rules}` },
    136: busy,
    137: busy,
    138: { code: 'PERMISSION_DENIED', detail: `the broker has banned the app: check ${login}` },
    149: { code: 'TOO_LARGE', detail: "the message is above the broker's limit" },
    150: 'RATE_LIMITED',
    151: { code: 'RATE_LIMITED', detail: "the broker's quota is used up" },
    ...more,
  }
  return {
    ...words,
    fail: errorTable(adapter, table, keysOf),
    error: (code, operation, detail, cause) =>
      new PortError(code, {
        adapter,
        ...(operation !== undefined && { operation }),
        ...(detail !== undefined && { detail }),
        ...(cause !== undefined && { cause }),
      }),
  }
}
