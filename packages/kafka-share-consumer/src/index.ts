export type { ClusterOptions, TopicPartition } from './cluster.js'
export { ShareError, type ShareErrorCode } from './errors.js'
export type { ShareConsumerEvent } from './events.js'
export type { ShareHeader, ShareRecord } from './record.js'
export {
  ShareConsumer,
  type PollOptions,
  type RecordsOptions,
  type ShareConsumerOptions,
  type ShareConsumerState,
} from './share-consumer.js'
export { ShareAdmin, type ShareGroupSettings, type SharePartitionProgress, type ShareSupport } from './share-group.js'
