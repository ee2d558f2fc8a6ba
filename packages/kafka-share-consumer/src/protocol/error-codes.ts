/** The codes of the Kafka protocol that a share consumer meets, by name. */
export const codes = {
  UNKNOWN_SERVER_ERROR: -1,
  NONE: 0,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  UNSUPPORTED_VERSION: 35,
  INVALID_CONFIG: 40,
  INVALID_REQUEST: 42,
  KAFKA_STORAGE_ERROR: 56,
  GROUP_ID_NOT_FOUND: 69,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  GROUP_MAX_SIZE_REACHED: 81,
  UNKNOWN_TOPIC_ID: 100,
  FENCED_MEMBER_EPOCH: 110,
  INVALID_RECORD_STATE: 121,
  SHARE_SESSION_NOT_FOUND: 122,
  INVALID_SHARE_SESSION_EPOCH: 123,
  FENCED_STATE_EPOCH: 124,
  SHARE_SESSION_LIMIT_REACHED: 133,
} as const

const names = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name]))

/** `NOT_COORDINATOR (16)`, or the bare number of a code that has no name here. */
export function describeCode(code: number, message?: string | null): string {
  const name = names.has(code) ? `${names.get(code)} (${code})` : `Kafka error ${code}`
  return message ? `${name}: ${message}` : name
}

const STALE = new Set<number>([
  codes.UNKNOWN_TOPIC_OR_PARTITION,
  codes.NOT_LEADER_OR_FOLLOWER,
  codes.LEADER_NOT_AVAILABLE,
  codes.KAFKA_STORAGE_ERROR,
  codes.FENCED_LEADER_EPOCH,
  codes.UNKNOWN_LEADER_EPOCH,
  codes.UNKNOWN_TOPIC_ID,
  codes.FENCED_STATE_EPOCH,
])

/** The broker is not, or no longer, the one to ask about this partition. */
export function saysStaleLeader(code: number): boolean {
  return STALE.has(code)
}

const PASSING = new Set<number>([
  // Also what a broker says of a partition of which it has not read the state yet (seen on 4.4.0).
  codes.UNKNOWN_SERVER_ERROR,
  codes.REQUEST_TIMED_OUT,
  codes.NETWORK_EXCEPTION,
  codes.COORDINATOR_LOAD_IN_PROGRESS,
  codes.COORDINATOR_NOT_AVAILABLE,
  codes.NOT_COORDINATOR,
])

/** The broker could not reach the coordinator that keeps the group's state: the same request may succeed shortly. */
export function passes(code: number): boolean {
  return PASSING.has(code)
}

const FATAL = new Set<number>([
  codes.INCONSISTENT_GROUP_PROTOCOL,
  codes.INVALID_GROUP_ID,
  codes.TOPIC_AUTHORIZATION_FAILED,
  codes.GROUP_AUTHORIZATION_FAILED,
  codes.CLUSTER_AUTHORIZATION_FAILED,
  codes.UNSUPPORTED_VERSION,
  codes.INVALID_REQUEST,
  codes.GROUP_MAX_SIZE_REACHED,
])

/** Waiting does not mend it. */
export function isFatal(code: number): boolean {
  return FATAL.has(code)
}
