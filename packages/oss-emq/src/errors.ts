import { type ErrorRow, errorTable } from '@pdvend/ports'

const unreachable: ErrorRow = { code: 'UNAVAILABLE', detail: 'nothing answers there: check PDVEND_PUSH_URL and that the broker runs' }
const certificate: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: "the broker's certificate does not fit: check PDVEND_PUSH_CA_FILE and the host in PDVEND_PUSH_URL",
}
const notTls: ErrorRow = {
  code: 'CONFIG_INVALID',
  detail: 'the broker does not speak TLS there, or not as we do: check the port and mqtt:// or mqtts:// of PDVEND_PUSH_URL',
}
const clientCertificate: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail: 'the broker refuses the certificate of PDVEND_PUSH_CERT_FILE, or misses one',
}
const refused: ErrorRow = {
  code: 'UNAUTHENTICATED',
  detail: 'the broker refuses the user name or password: check PDVEND_PUSH_USERNAME and PDVEND_PUSH_PASSWORD',
}
const busy: ErrorRow = { code: 'UNAVAILABLE', detail: 'the broker takes no more for now' }

/** By Node's error code, or MQTT's return or reason code (CONNACK of 3.1.1: 3 to 5; 5.0: section 2.4). */
export const fail = errorTable('oss-emq', {
  ECONNREFUSED: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: unreachable,
  ECONNRESET: { code: 'UNAVAILABLE', detail: 'the broker closed the connection' },
  EPIPE: { code: 'UNAVAILABLE', detail: 'the broker closed the connection' },
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
  2: { code: 'CONFIG_INVALID', detail: "the broker refuses the app's client id" },
  3: busy,
  4: refused,
  5: refused,
  132: { code: 'CONFIG_INVALID', detail: 'the broker does not speak this MQTT version: check PDVEND_PUSH_PROTOCOL' },
  133: { code: 'CONFIG_INVALID', detail: "the broker refuses the app's client id" },
  134: refused,
  135: { code: 'PERMISSION_DENIED', detail: 'the broker does not allow it: check the rules of PDVEND_PUSH_USERNAME' },
  136: busy,
  137: busy,
  138: { code: 'PERMISSION_DENIED', detail: 'the broker has banned PDVEND_PUSH_USERNAME' },
  149: { code: 'TOO_LARGE', detail: "the message is above the broker's limit" },
  150: 'RATE_LIMITED',
  151: { code: 'RATE_LIMITED', detail: "the broker's quota is used up" },
})
