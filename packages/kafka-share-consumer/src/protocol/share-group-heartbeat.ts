import { createAPI, Writer, type Reader } from '@platformatic/kafka'
import { readStructs, skipTaggedFields } from './tagged-fields.js'

/** API key 76, version 1: the first stable one (Kafka 4.1). */
export interface ShareGroupHeartbeatRequest {
  readonly groupId: string
  /** Chosen by the member, kept for its whole life: 16 bytes in base64url. */
  readonly memberId: string
  /** 0 to join, -1 to leave, otherwise what the last answer said. */
  readonly memberEpoch: number
  /** `null` when unchanged since the last heartbeat. */
  readonly rackId: string | null
  /** `null` when unchanged since the last heartbeat. */
  readonly subscribedTopicNames: readonly string[] | null
}

export interface AssignedTopic {
  readonly topicId: string
  readonly partitions: readonly number[]
}

export interface ShareGroupHeartbeatResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** `null` when unchanged. */
  readonly assignment: readonly AssignedTopic[] | null
}

export function createHeartbeatRequest(request: ShareGroupHeartbeatRequest): Writer {
  return Writer.create()
    .appendString(request.groupId)
    .appendString(request.memberId)
    .appendInt32(request.memberEpoch)
    .appendString(request.rackId)
    .appendArray(request.subscribedTopicNames as string[] | null, (writer, name) => void writer.appendString(name), true, false)
    .appendTaggedFields()
}

export function parseHeartbeatResponse(
  _correlationId: number,
  _apiKey: number,
  _apiVersion: number,
  reader: Reader,
): ShareGroupHeartbeatResponse {
  const response = {
    throttleTimeMs: reader.readInt32(),
    errorCode: reader.readInt16(),
    errorMessage: reader.readNullableString(),
    memberId: reader.readNullableString(),
    memberEpoch: reader.readInt32(),
    heartbeatIntervalMs: reader.readInt32(),
    assignment: readAssignment(reader),
  }
  skipTaggedFields(reader)
  return response
}

function readAssignment(reader: Reader): AssignedTopic[] | null {
  // A nullable struct starts with -1 for null and 1 otherwise.
  if (reader.readInt8() < 0) return null
  const topics = readStructs(reader, (each) => ({
    topicId: each.readUUID(),
    partitions: each.readArray((partition) => partition.readInt32(), true, false),
  }))
  skipTaggedFields(reader)
  return topics
}

export const shareGroupHeartbeat = createAPI<[ShareGroupHeartbeatRequest], ShareGroupHeartbeatResponse>(
  76,
  1,
  createHeartbeatRequest,
  parseHeartbeatResponse,
)
