import { type ErrorRow, errorTable, type Fail } from '@pdvend/ports'
import type { ConnectionPort } from './connection.js'

/** A write whose answer never came may have been made. */
const UNANSWERED = { code: 'UNAVAILABLE', outcome: 'unknown' } as const satisfies ErrorRow

/** The protocol's errors by number, which both clients give, each with its name in Kafka's `Errors`. */
const PROTOCOL: readonly (readonly [number: number, name: string, row: ErrorRow])[] = [
  [-1, 'UNKNOWN_SERVER_ERROR', { code: 'INTERNAL', retryable: true, detail: 'the broker fell over: see its log' }],
  [2, 'CORRUPT_MESSAGE', { code: 'INTEGRITY_FAILED', retryable: true }],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', { code: 'NOT_FOUND', detail: 'the topic does not exist: make it by `pdvend provision`' }],
  [5, 'LEADER_NOT_AVAILABLE', 'UNAVAILABLE'],
  [6, 'NOT_LEADER_OR_FOLLOWER', 'UNAVAILABLE'],
  [7, 'REQUEST_TIMED_OUT', UNANSWERED],
  [8, 'BROKER_NOT_AVAILABLE', 'UNAVAILABLE'],
  [9, 'REPLICA_NOT_AVAILABLE', 'UNAVAILABLE'],
  [10, 'MESSAGE_TOO_LARGE', { code: 'TOO_LARGE', detail: 'the record is above max.message.bytes of the topic' }],
  [13, 'NETWORK_EXCEPTION', UNANSWERED],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', 'UNAVAILABLE'],
  [15, 'COORDINATOR_NOT_AVAILABLE', 'UNAVAILABLE'],
  [16, 'NOT_COORDINATOR', 'UNAVAILABLE'],
  [17, 'INVALID_TOPIC_EXCEPTION', { code: 'CONFIG_INVALID', detail: 'Kafka does not take this topic name' }],
  [18, 'RECORD_LIST_TOO_LARGE', { code: 'TOO_LARGE', detail: 'the batch is above segment.bytes of the topic' }],
  [19, 'NOT_ENOUGH_REPLICAS', { code: 'UNAVAILABLE', detail: 'fewer replicas are in sync than min.insync.replicas asks for' }],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', UNANSWERED],
  [22, 'ILLEGAL_GENERATION', 'LEASE_LOST'],
  [25, 'UNKNOWN_MEMBER_ID', 'LEASE_LOST'],
  [27, 'REBALANCE_IN_PROGRESS', { code: 'LEASE_LOST', retryable: true }],
  [29, 'TOPIC_AUTHORIZATION_FAILED', { code: 'PERMISSION_DENIED', detail: 'the user has no right to this topic' }],
  [30, 'GROUP_AUTHORIZATION_FAILED', { code: 'PERMISSION_DENIED', detail: 'the user has no right to this consumer group' }],
  [31, 'CLUSTER_AUTHORIZATION_FAILED', { code: 'PERMISSION_DENIED', detail: 'the user needs IDEMPOTENT_WRITE on the cluster' }],
  [
    32,
    'INVALID_TIMESTAMP',
    {
      code: 'CONFIG_INVALID',
      detail: 'the topic refuses the time of this machine: check its clock, or set message.timestamp.type=LogAppendTime',
    },
  ],
  [36, 'TOPIC_ALREADY_EXISTS', 'ALREADY_EXISTS'],
  [37, 'INVALID_PARTITIONS', 'CONFIG_INVALID'],
  [38, 'INVALID_REPLICATION_FACTOR', { code: 'CONFIG_INVALID', detail: 'there are fewer brokers than copies asked for' }],
  [40, 'INVALID_CONFIG', 'CONFIG_INVALID'],
  [41, 'NOT_CONTROLLER', 'UNAVAILABLE'],
  [44, 'POLICY_VIOLATION', { code: 'PERMISSION_DENIED', detail: 'a policy of the cluster forbids it' }],
  // The producer's own bookkeeping: the next try is under a new producer id.
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNAVAILABLE'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', UNANSWERED],
  [47, 'INVALID_PRODUCER_EPOCH', 'UNAVAILABLE'],
  [48, 'INVALID_TXN_STATE', 'UNAVAILABLE'],
  [49, 'INVALID_PRODUCER_ID_MAPPING', 'UNAVAILABLE'],
  [51, 'CONCURRENT_TRANSACTIONS', 'UNAVAILABLE'],
  [52, 'TRANSACTION_COORDINATOR_FENCED', 'UNAVAILABLE'],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', { code: 'PERMISSION_DENIED', detail: 'the user has no right to this transactional id' }],
  [56, 'KAFKA_STORAGE_ERROR', { code: 'UNAVAILABLE', detail: 'a disk of the broker failed' }],
  [59, 'UNKNOWN_PRODUCER_ID', 'UNAVAILABLE'],
  [74, 'FENCED_LEADER_EPOCH', 'UNAVAILABLE'],
  [75, 'UNKNOWN_LEADER_EPOCH', 'UNAVAILABLE'],
  [82, 'FENCED_INSTANCE_ID', 'LEASE_LOST'],
  [87, 'INVALID_RECORD', { code: 'INVALID_ARGUMENT', detail: 'the topic refuses this record: is it compacted, so that a key is needed?' }],
  [89, 'THROTTLING_QUOTA_EXCEEDED', 'RATE_LIMITED'],
  [90, 'PRODUCER_FENCED', 'LEASE_LOST'],
  [100, 'UNKNOWN_TOPIC_ID', { code: 'NOT_FOUND', detail: 'the topic was deleted' }],
  [121, 'INVALID_RECORD_STATE', 'LEASE_LOST'],
  [122, 'SHARE_SESSION_NOT_FOUND', 'UNAVAILABLE'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', 'UNAVAILABLE'],
  [133, 'SHARE_SESSION_LIMIT_REACHED', 'RATE_LIMITED'],
]

/** What the clients and Node.js call it, with the settings to look at. */
function named(port: ConnectionPort): Readonly<Record<string, ErrorRow>> {
  const variable = (name: string): string => `PDVEND_${port}_${name}`
  const nobody: ErrorRow = { code: 'UNAVAILABLE', detail: `no broker answers: check ${variable('BROKERS')}` }
  const unresolved: ErrorRow = { code: 'UNAVAILABLE', detail: `the name does not resolve: check ${variable('BROKERS')}` }
  const refused: ErrorRow = {
    code: 'UNAUTHENTICATED',
    detail: `refused: check ${variable('USERNAME')}, ${variable('PASSWORD')} and ${variable('SASL')}`,
  }
  const mechanism: ErrorRow = { code: 'CONFIG_INVALID', detail: `the broker does not offer this mechanism: check ${variable('SASL')}` }
  const cut: ErrorRow = {
    ...UNANSWERED,
    detail: `the connection was cut; if it is always, check ${variable('TLS')} and ${variable('SASL')}`,
  }
  const silent: ErrorRow = {
    ...UNANSWERED,
    detail: `no answer in time; if there is never one, check ${variable('BROKERS')} and ${variable('TLS')}`,
  }
  const untrusted: ErrorRow = {
    code: 'UNAUTHENTICATED',
    detail: `the certificate of the broker is signed by nobody who is trusted: check ${variable('TLS_CA_FILE')}`,
  }
  const noTls: ErrorRow = {
    code: 'CONFIG_INVALID',
    detail: `the broker does not speak TLS there: check ${variable('TLS')} and the port in ${variable('BROKERS')}`,
  }
  const tooOld: ErrorRow = { code: 'UNSUPPORTED', detail: `the Kafka at ${variable('BROKERS')} is too old: 3.9 or later is needed` }
  return {
    33: mechanism,
    34: {
      code: 'CONFIG_INVALID',
      detail: `the broker wants no password there: check ${variable('SASL')} and the port in ${variable('BROKERS')}`,
    },
    35: tooOld,
    58: refused,
    76: { code: 'CONFIG_INVALID', detail: `the topic does not take this compression: check ${variable('COMPRESSION')}` },
    ECONNREFUSED: nobody,
    EHOSTUNREACH: nobody,
    ENETUNREACH: nobody,
    ENOTFOUND: unresolved,
    EAI_AGAIN: unresolved,
    ETIMEDOUT: silent,
    ECONNRESET: cut,
    EPIPE: cut,
    ERR_TLS_CERT_ALTNAME_INVALID: {
      code: 'UNAUTHENTICATED',
      detail: `the certificate of the broker is for another name: check the hosts in ${variable('BROKERS')} and the listeners that the brokers advertise`,
    },
    CERT_HAS_EXPIRED: { code: 'UNAUTHENTICATED', detail: 'the certificate of the broker has expired' },
    DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
    SELF_SIGNED_CERT_IN_CHAIN: untrusted,
    UNABLE_TO_GET_ISSUER_CERT: untrusted,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
    EPROTO: noTls,
    ERR_SSL_WRONG_VERSION_NUMBER: noTls,
    ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
    ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
      code: 'UNAUTHENTICATED',
      detail: `the broker wants a certificate of the client: set ${variable('TLS_CERT_FILE')} and ${variable('TLS_KEY_FILE')}`,
    },
    KafkaJSSASLAuthenticationError: refused,
    KafkaJSConnectionClosedError: cut,
    KafkaJSRequestTimeoutError: silent,
    KafkaJSBrokerNotFound: nobody,
    KafkaJSConnectionError: nobody,
    KafkaJSServerDoesNotSupportApiKey: tooOld,
    KafkaJSMetadataNotLoaded: 'UNAVAILABLE',
    KafkaJSTopicMetadataNotLoaded: 'UNAVAILABLE',
    KafkaJSGroupCoordinatorNotFound: 'UNAVAILABLE',
    KafkaJSLockTimeout: 'UNAVAILABLE',
    KafkaJSNotImplemented: { code: 'CONFIG_INVALID', detail: `kafkajs does not have this compression: check ${variable('COMPRESSION')}` },
    PLT_KFK_AUTHENTICATION: refused,
    PLT_KFK_UNSUPPORTED_API: tooOld,
    PLT_KFK_UNSUPPORTED_COMPRESSION: { code: 'CONFIG_INVALID', detail: `check ${variable('COMPRESSION')}` },
    PLT_KFK_TIMEOUT: silent,
    PLT_KFK_NETWORK: cut,
  }
}

/** One adapter's translation of what either client throws; what is not in the tables becomes INTERNAL. */
export function kafkaErrors(adapter: string, port: ConnectionPort): Fail {
  return errorTable(adapter, { ...Object.fromEntries(PROTOCOL.map(([number, , row]) => [number, row])), ...named(port) }, keysOf)
}

/** Deepest nesting that is looked into: kafkajs wraps twice, @platformatic/kafka lists the errors of each broker. */
const MAX_DEPTH = 6

/** Everything that `cause` may be known by: what the broker said first, then what the system said, then the client's own classes. */
function keysOf(cause: unknown): readonly string[] {
  const said: string[] = []
  const system: string[] = []
  const classes: string[] = []
  const visit = (error: unknown, depth: number): void => {
    if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return
    const number = protocolNumber(error)
    if (number !== undefined) said.push(String(number))
    const { code, name, cause, errors, originalError } = error as Readonly<Record<string, unknown>>
    if (typeof code === 'string') (code.startsWith('PLT_KFK_') ? classes : system).push(code)
    if (typeof name === 'string') classes.push(name)
    for (const inner of Array.isArray(errors) ? errors : []) visit(inner, depth + 1)
    visit(cause, depth + 1)
    visit(originalError, depth + 1)
  }
  visit(cause, 0)
  return [...said, ...system, ...classes]
}

/** The number that the broker answered with, where `error` holds one: kafkajs has `type` and `code`, @platformatic/kafka `apiCode`. */
export function protocolNumber(error: object): number | undefined {
  const { type, code, apiCode } = error as Readonly<Record<string, unknown>>
  if (typeof apiCode === 'number') return apiCode
  return typeof type === 'string' && typeof code === 'number' ? code : undefined
}
