import { createAPI, Writer, type Reader } from '@platformatic/kafka'
import {
  appendTopics,
  readLeaderHint,
  readNodeEndpoints,
  type LeaderHint,
  type NodeEndpoint,
  type TopicAcknowledgements,
} from './acknowledgement-batch.js'
import { readStructs, skipTaggedFields } from './tagged-fields.js'

/** API key 79: version 1 is that of Kafka 4.1, version 2 (4.2) adds renewal. */
export interface ShareAcknowledgeRequest {
  readonly groupId: string
  readonly memberId: string
  /** One above that of the last request to this broker; -1 ends the session and releases what it holds. */
  readonly shareSessionEpoch: number
  /** From version 2 on: whether a renewal is among the acknowledgements. */
  readonly isRenewAck: boolean
  readonly topics: readonly TopicAcknowledgements[]
}

export interface ShareAcknowledgeResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  /** How long a renewed lock lasts; 0 in version 1. */
  readonly acquisitionLockTimeoutMs: number
  readonly partitions: readonly AcknowledgedPartition[]
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

export interface AcknowledgedPartition {
  readonly topicId: string
  readonly partition: number
  /** One code for all ranges of the partition in this request: where one is refused, none is applied. */
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly currentLeader: LeaderHint
}

export function createAcknowledgeRequest(version: number, request: ShareAcknowledgeRequest): Writer {
  const writer = Writer.create().appendString(request.groupId).appendString(request.memberId).appendInt32(request.shareSessionEpoch)
  if (version >= 2) writer.appendBoolean(request.isRenewAck)
  return appendTopics(writer, request.topics).appendTaggedFields()
}

export function parseAcknowledgeResponse(
  _correlationId: number,
  _apiKey: number,
  version: number,
  reader: Reader,
): ShareAcknowledgeResponse {
  const response = {
    throttleTimeMs: reader.readInt32(),
    errorCode: reader.readInt16(),
    errorMessage: reader.readNullableString(),
    acquisitionLockTimeoutMs: version >= 2 ? reader.readInt32() : 0,
    partitions: readStructs(reader, (perTopic) => {
      const topicId = perTopic.readUUID()
      return readStructs(perTopic, (each) => ({
        topicId,
        partition: each.readInt32(),
        errorCode: each.readInt16(),
        errorMessage: each.readNullableString(),
        currentLeader: readLeaderHint(each),
      }))
    }).flat(),
    nodeEndpoints: readNodeEndpoints(reader),
  }
  skipTaggedFields(reader)
  return response
}

function ofVersion(version: number) {
  return createAPI<[ShareAcknowledgeRequest], ShareAcknowledgeResponse>(
    79,
    version,
    (request: ShareAcknowledgeRequest) => createAcknowledgeRequest(version, request),
    parseAcknowledgeResponse,
  )
}

export const shareAcknowledge = { 1: ofVersion(1), 2: ofVersion(2) } as const
