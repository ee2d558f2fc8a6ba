import { createAPI, Writer, type Reader } from '@platformatic/kafka'
import { appendStructs, readStructs, skipTaggedFields } from './tagged-fields.js'

/** API key 90, version 1 (Kafka 4.2): with the lag. */
export interface DescribeShareGroupOffsetsRequest {
  readonly groupId: string
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
}

export interface DescribeShareGroupOffsetsResponse {
  readonly throttleTimeMs: number
  readonly groups: readonly {
    readonly groupId: string
    readonly partitions: readonly SharePartitionOffsets[]
    readonly errorCode: number
    readonly errorMessage: string | null
  }[]
}

export interface SharePartitionOffsets {
  readonly topic: string
  readonly partition: number
  /** -1 where the group has not begun. */
  readonly startOffset: bigint
  readonly leaderEpoch: number
  /** -1 where it is not known. */
  readonly lag: bigint
  readonly errorCode: number
  readonly errorMessage: string | null
}

export function createDescribeRequest({ groupId, topics }: DescribeShareGroupOffsetsRequest): Writer {
  const groups = appendStructs(Writer.create(), [groupId], (perGroup, id) =>
    appendStructs(perGroup.appendString(id), topics, (perTopic, { topic, partitions }) =>
      perTopic.appendString(topic).appendArray(partitions as number[], (each, partition) => void each.appendInt32(partition), true, false),
    ),
  )
  return groups.appendTaggedFields()
}

export function parseDescribeResponse(
  _correlationId: number,
  _apiKey: number,
  _apiVersion: number,
  reader: Reader,
): DescribeShareGroupOffsetsResponse {
  const response = {
    throttleTimeMs: reader.readInt32(),
    groups: readStructs(reader, (perGroup) => ({
      groupId: perGroup.readString(),
      partitions: readStructs(perGroup, readTopic).flat(),
      errorCode: perGroup.readInt16(),
      errorMessage: perGroup.readNullableString(),
    })),
  }
  skipTaggedFields(reader)
  return response
}

function readTopic(reader: Reader): SharePartitionOffsets[] {
  const topic = reader.readString()
  reader.readUUID()
  return readStructs(reader, (each) => ({
    topic,
    partition: each.readInt32(),
    startOffset: each.readInt64(),
    leaderEpoch: each.readInt32(),
    lag: each.readInt64(),
    errorCode: each.readInt16(),
    errorMessage: each.readNullableString(),
  }))
}

export const describeShareGroupOffsets = createAPI<[DescribeShareGroupOffsetsRequest], DescribeShareGroupOffsetsResponse>(
  90,
  1,
  createDescribeRequest,
  parseDescribeResponse,
)
