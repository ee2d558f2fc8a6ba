import type { TopicPartition } from './cluster.js'

/** What happens beneath: for logs and metrics. All of it is dealt with; none of it needs an answer. */
export type ShareConsumerEvent =
  /** This member is in the group, for the first time or again. */
  | { readonly type: 'joined'; readonly memberEpoch: number }
  /** The coordinator had given this member up; it joins again under the same id. */
  | { readonly type: 'fenced'; readonly reason: string }
  | { readonly type: 'assigned'; readonly partitions: readonly TopicPartition[] }
  /** A broker had forgotten the share session; a new one is opened. Locks stay. */
  | { readonly type: 'session-reset'; readonly nodeId: number; readonly reason: string }
  /** The connection to a broker broke, which ends every lock that it had given. */
  | { readonly type: 'locks-lost'; readonly nodeId: number; readonly count: number; readonly reason: string }
  /** Something failed that is tried again. */
  | { readonly type: 'retry'; readonly what: string; readonly error: unknown }
