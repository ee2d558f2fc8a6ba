import type { Reader, Writer } from '@platformatic/kafka'
import { appendStructs, readStructs, skipTaggedFields } from './tagged-fields.js'

/** What is said of a record. A gap is an offset within an acquired range that holds no record. */
export const acknowledgeTypes = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const

/** Both offsets inclusive. One type for the whole range, or one for each offset. */
export interface AcknowledgementBatch {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly types: readonly number[]
}

/** What a request says about one partition. */
export interface PartitionAcknowledgements {
  readonly partition: number
  readonly batches: readonly AcknowledgementBatch[]
}

export interface TopicAcknowledgements {
  readonly topicId: string
  readonly partitions: readonly PartitionAcknowledgements[]
}

/** The same bytes in ShareFetch and ShareAcknowledge. */
export function appendTopics(writer: Writer, topics: readonly TopicAcknowledgements[]): Writer {
  return appendStructs(writer, topics, (perTopic, { topicId, partitions }) =>
    appendStructs(perTopic.appendUUID(topicId), partitions, (perPartition, { partition, batches }) =>
      appendStructs(perPartition.appendInt32(partition), batches, (perBatch, { firstOffset, lastOffset, types }) =>
        perBatch
          .appendInt64(firstOffset)
          .appendInt64(lastOffset)
          .appendArray(types as number[], (each, type) => void each.appendInt8(type), true, false),
      ),
    ),
  )
}

/** The brokers' word on who leads a partition; -1 when they do not know. */
export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export function readLeaderHint(reader: Reader): LeaderHint {
  const hint = { leaderId: reader.readInt32(), leaderEpoch: reader.readInt32() }
  skipTaggedFields(reader)
  return hint
}

export function readNodeEndpoints(reader: Reader): NodeEndpoint[] {
  return readStructs(reader, (each) => ({
    nodeId: each.readInt32(),
    host: each.readString(),
    port: each.readInt32(),
    rack: each.readNullableString(),
  }))
}

/** Coalesces what is said of single offsets, in ascending order, into as few ranges as there are runs of one type. */
export function toBatches(entries: readonly { readonly offset: number; readonly type: number }[]): AcknowledgementBatch[] {
  const batches: AcknowledgementBatch[] = []
  let start = 0
  for (let at = 1; at <= entries.length; at++) {
    const [previous, entry] = [entries[at - 1]!, entries[at]]
    if (entry !== undefined && entry.type === previous.type && entry.offset === previous.offset + 1) continue
    batches.push({ firstOffset: BigInt(entries[start]!.offset), lastOffset: BigInt(previous.offset), types: [previous.type] })
    start = at
  }
  return batches
}
