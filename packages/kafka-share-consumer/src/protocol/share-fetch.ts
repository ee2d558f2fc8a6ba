import { createAPI, Reader, Writer } from '@platformatic/kafka'
import {
  appendTopics,
  readLeaderHint,
  readNodeEndpoints,
  type LeaderHint,
  type NodeEndpoint,
  type TopicAcknowledgements,
} from './acknowledgement-batch.js'
import { appendStructs, readStructs, skipTaggedFields } from './tagged-fields.js'

/** API key 78: version 1 is that of Kafka 4.1; version 2 (4.2) adds the strict limit of records and renewal. */
export interface ShareFetchRequest {
  readonly groupId: string
  readonly memberId: string
  /** 0 opens a session, -1 ends it; otherwise one above that of the last request to this broker. */
  readonly shareSessionEpoch: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /** Strict from version 2 on; in version 1 whole batches of the producer are acquired. */
  readonly maxRecords: number
  /** Partitions that join the session, and those with acknowledgements. Those in the session already are fetched without being named. */
  readonly topics: readonly TopicAcknowledgements[]
  /** Partitions that leave the session. Their locks stay. */
  readonly forgotten: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]
}

export interface ShareFetchResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  /** How long what was acquired stays locked. */
  readonly acquisitionLockTimeoutMs: number
  readonly partitions: readonly FetchedPartition[]
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly acknowledgeErrorCode: number
  readonly acknowledgeErrorMessage: string | null
  readonly currentLeader: LeaderHint
  /** Record batches as they lie in the log: more than what was acquired. */
  readonly records: Reader | undefined
  readonly acquired: readonly AcquiredRange[]
}

/** Both offsets inclusive. */
export interface AcquiredRange {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly deliveryCount: number
}

/** Take no more than asked, even where that splits a producer's batch. */
const RECORD_LIMIT = 1

export function createFetchRequest(version: number, request: ShareFetchRequest): Writer {
  const writer = Writer.create()
    .appendString(request.groupId)
    .appendString(request.memberId)
    .appendInt32(request.shareSessionEpoch)
    .appendInt32(request.maxWaitMs)
    .appendInt32(request.minBytes)
    .appendInt32(request.maxBytes)
    .appendInt32(request.maxRecords)
    // The size of the ranges that come back: one is enough, what is said of its offsets may differ.
    .appendInt32(request.maxRecords)
  // A request with renewals may fetch nothing (KIP-1222), so renewals go by ShareAcknowledge and the flag is always off.
  if (version >= 2) writer.appendInt8(RECORD_LIMIT).appendBoolean(false)
  appendTopics(writer, request.topics)
  appendStructs(writer, request.forgotten, (each, { topicId, partitions }) =>
    each.appendUUID(topicId).appendArray(partitions as number[], (one, partition) => void one.appendInt32(partition), true, false),
  )
  return writer.appendTaggedFields()
}

export function parseFetchResponse(_correlationId: number, _apiKey: number, _version: number, reader: Reader): ShareFetchResponse {
  const response = {
    throttleTimeMs: reader.readInt32(),
    errorCode: reader.readInt16(),
    errorMessage: reader.readNullableString(),
    acquisitionLockTimeoutMs: reader.readInt32(),
    partitions: readStructs(reader, (perTopic) => {
      const topicId = perTopic.readUUID()
      return readStructs(perTopic, (each) => readPartition(each, topicId))
    }).flat(),
    nodeEndpoints: readNodeEndpoints(reader),
  }
  skipTaggedFields(reader)
  return response
}

function readPartition(reader: Reader, topicId: string): FetchedPartition {
  return {
    topicId,
    partition: reader.readInt32(),
    errorCode: reader.readInt16(),
    errorMessage: reader.readNullableString(),
    acknowledgeErrorCode: reader.readInt16(),
    acknowledgeErrorMessage: reader.readNullableString(),
    currentLeader: readLeaderHint(reader),
    records: readRecords(reader),
    acquired: readStructs(reader, (each) => ({
      firstOffset: each.readInt64(),
      lastOffset: each.readInt64(),
      deliveryCount: each.readInt16(),
    })),
  }
}

function readRecords(reader: Reader): Reader | undefined {
  // 0 is null, 1 is empty.
  const size = reader.readUnsignedVarInt() - 1
  if (size <= 0) return undefined
  const records = Reader.from(reader.buffer.subarray(reader.position, reader.position + size))
  reader.skip(size)
  return records
}

function ofVersion(version: number) {
  return createAPI<[ShareFetchRequest], ShareFetchResponse>(
    78,
    version,
    (request: ShareFetchRequest) => createFetchRequest(version, request),
    parseFetchResponse,
  )
}

export const shareFetch = { 1: ofVersion(1), 2: ofVersion(2) } as const
