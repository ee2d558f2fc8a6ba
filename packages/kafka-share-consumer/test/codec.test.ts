import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from '@jest/globals'
import { launcherOf, whyMissing } from '@pdvend/engines'
import { Reader, type Writer } from '@platformatic/kafka'
import fc from 'fast-check'
import type { TopicAcknowledgements } from '../src/protocol/acknowledgement-batch.js'
import { createDescribeRequest, parseDescribeResponse, type SharePartitionOffsets } from '../src/protocol/describe-share-group-offsets.js'
import { createAcknowledgeRequest, parseAcknowledgeResponse } from '../src/protocol/share-acknowledge.js'
import { createFetchRequest, parseFetchResponse } from '../src/protocol/share-fetch.js'
import { createHeartbeatRequest, parseHeartbeatResponse } from '../src/protocol/share-group-heartbeat.js'
import { openJar } from './schema/jar.js'
import { Message, parseSchema, type Value } from './schema/message.js'

type Struct = { readonly [field: string]: Value }
type Structs = readonly Struct[]

/** A field of a later version at the end of each struct, as the protocol allows: read past. */
const unknownTags = fc.uniqueArray(fc.tuple(fc.integer({ min: 100, max: 20_000 }), fc.uint8Array({ maxLength: 200 })), {
  maxLength: 2,
  selector: ([tag]) => tag,
})

for (const version of ['4.4.0', '4.2.2']) {
  const reason = await whyMissing('kafka', { version, named: false })
  if (reason !== undefined) test.skip(`codecs against the schemas of Kafka ${version} (skipped: ${reason})`, () => {})
  else {
    const home = await launcherOf('kafka').find(version)
    const read = await openJar(join(home!, 'libs', `kafka-clients-${version}.jar`))
    const message = (name: string, of: number): Message => new Message(parseSchema(read(`common/message/${name}.json`)), of)
    describe(`codecs against the schemas of Kafka ${version}`, () => describeCodecs(message))
  }
}

function describeCodecs(message: (name: string, version: number) => Message): void {
  test('the generic codec reads what it writes', () => {
    for (const name of ['ShareFetchResponse', 'ShareFetchRequest', 'ShareGroupHeartbeatResponse']) {
      const codec = message(name, name.includes('Heartbeat') ? 1 : 2)
      fc.assert(fc.property(codec.arbitrary(), (value) => assert.deepEqual(plain(codec.decode(codec.encode(value))), plain(value))))
    }
  })

  test('ShareGroupHeartbeat v1', () => {
    requests(message('ShareGroupHeartbeatRequest', 1), (value) =>
      createHeartbeatRequest({
        groupId: value['GroupId'] as string,
        memberId: value['MemberId'] as string,
        memberEpoch: value['MemberEpoch'] as number,
        rackId: value['RackId'] as string | null,
        subscribedTopicNames: value['SubscribedTopicNames'] as readonly string[] | null,
      }),
    )
    responses(message('ShareGroupHeartbeatResponse', 1), (reader) => {
      const { assignment, ...rest } = parseHeartbeatResponse(0, 76, 1, reader)
      const topics = assignment?.map(({ topicId, partitions }) => ({ TopicId: topicId, Partitions: partitions }))
      return { ...capitalise(rest), Assignment: topics === undefined ? null : { TopicPartitions: topics } }
    })
  })

  test('DescribeShareGroupOffsets v1', () => {
    requests(message('DescribeShareGroupOffsetsRequest', 1), asOneGroup, (value) => {
      const [group] = value['Groups'] as Structs
      const topics = group!['Topics'] as Structs
      return createDescribeRequest({
        groupId: group!['GroupId'] as string,
        topics: topics.map((topic) => ({ topic: topic['TopicName'] as string, partitions: topic['Partitions'] as readonly number[] })),
      })
    })
    responses(message('DescribeShareGroupOffsetsResponse', 1), (reader, value) => {
      const { groups, throttleTimeMs } = parseDescribeResponse(0, 90, 1, reader)
      const shown = groups.map(({ groupId, errorCode, errorMessage, partitions }, at) => ({
        GroupId: groupId,
        Topics: regroupOffsets((value['Groups'] as Structs)[at]!['Topics'] as Structs, partitions),
        ErrorCode: errorCode,
        ErrorMessage: errorMessage,
      }))
      return { ThrottleTimeMs: throttleTimeMs, Groups: shown }
    })
  })

  for (const version of [1, 2]) {
    test(`ShareAcknowledge v${version}`, () => {
      requests(message('ShareAcknowledgeRequest', version), (value) =>
        createAcknowledgeRequest(version, {
          groupId: value['GroupId'] as string,
          memberId: value['MemberId'] as string,
          shareSessionEpoch: value['ShareSessionEpoch'] as number,
          isRenewAck: value['IsRenewAck'] === true,
          topics: topicsOf(value),
        }),
      )
      responses(message('ShareAcknowledgeResponse', version), (reader, value) => {
        const { partitions, nodeEndpoints, acquisitionLockTimeoutMs, ...rest } = parseAcknowledgeResponse(0, 79, version, reader)
        return {
          ...capitalise(rest),
          ...(version === 2 && { AcquisitionLockTimeoutMs: acquisitionLockTimeoutMs }),
          Responses: regroup(value, partitions, ({ partition, errorCode, errorMessage, currentLeader }) => ({
            ...{ PartitionIndex: partition, ErrorCode: errorCode, ErrorMessage: errorMessage },
            CurrentLeader: capitalise(currentLeader),
          })),
          NodeEndpoints: nodeEndpoints.map(capitalise),
        }
      })
    })

    test(`ShareFetch v${version}`, () => {
      requests(message('ShareFetchRequest', version), asWeAsk, (value) =>
        createFetchRequest(version, {
          groupId: value['GroupId'] as string,
          memberId: value['MemberId'] as string,
          shareSessionEpoch: value['ShareSessionEpoch'] as number,
          maxWaitMs: value['MaxWaitMs'] as number,
          minBytes: value['MinBytes'] as number,
          maxBytes: value['MaxBytes'] as number,
          maxRecords: value['MaxRecords'] as number,
          topics: topicsOf(value),
          forgotten: (value['ForgottenTopicsData'] as Structs).map((topic) => ({
            topicId: topic['TopicId'] as string,
            partitions: topic['Partitions'] as readonly number[],
          })),
        }),
      )
      responses(message('ShareFetchResponse', version), (reader, value) => {
        const { partitions, nodeEndpoints, ...rest } = parseFetchResponse(0, 78, version, reader)
        return {
          ...capitalise(rest),
          Responses: regroup(value, partitions, ({ topicId: _, partition, records, acquired, currentLeader, ...each }) => ({
            PartitionIndex: partition,
            ...capitalise(each),
            CurrentLeader: capitalise(currentLeader),
            Records: records === undefined ? Buffer.alloc(0) : records.buffer.slice(),
            AcquiredRecords: acquired.map(capitalise),
          })),
          NodeEndpoints: nodeEndpoints.map(capitalise),
        }
      })
    })
  }

  /** What we always say in the same way. */
  function asWeAsk(value: Struct): Struct {
    return { ...value, BatchSize: value['MaxRecords']!, ...('IsRenewAck' in value && { IsRenewAck: false, ShareAcquireMode: 1 }) }
  }
}

/** Our bytes are those of the schema, to the last one. */
function requests(codec: Message, ...steps: [...((value: Struct) => Struct)[], (value: Struct) => Writer]): void {
  const create = steps.pop() as (value: Struct) => Writer
  const prepare = steps as unknown as ((value: Struct) => Struct)[]
  fc.assert(
    fc.property(codec.arbitrary(), (drawn) => {
      const value = prepare.reduce((each, step) => step(each), drawn)
      const { buffer } = create(value)
      assert.equal(buffer.toString('hex'), codec.encode(value).toString('hex'))
    }),
    { numRuns: 200 },
  )
}

/** What we read is what the schema wrote, whatever a later version adds. */
function responses(codec: Message, parse: (reader: Reader, value: Struct) => Struct): void {
  fc.assert(
    fc.property(codec.arbitrary(), unknownTags, (value, tags) => {
      const bytes = codec.encode(
        value,
        tags.map(([tag, content]) => [tag, Buffer.from(content)] as const),
      )
      const reader = Reader.from(bytes)
      assert.deepEqual(plain(parse(reader, value)), plain(value))
      assert.equal(reader.remaining, 0)
    }),
    { numRuns: 200 },
  )
}

function topicsOf(value: Struct): TopicAcknowledgements[] {
  return (value['Topics'] as Structs).map((topic) => ({
    topicId: topic['TopicId'] as string,
    partitions: (topic['Partitions'] as Structs).map((partition) => ({
      partition: partition['PartitionIndex'] as number,
      batches: (partition['AcknowledgementBatches'] as Structs).map((batch) => ({
        firstOffset: batch['FirstOffset'] as bigint,
        lastOffset: batch['LastOffset'] as bigint,
        types: batch['AcknowledgeTypes'] as readonly number[],
      })),
    })),
  }))
}

/** Our answers are flat; the schema's are by topic, some of them without a partition. */
function regroup<Partition extends { readonly topicId: string }>(
  value: Struct,
  flat: readonly Partition[],
  show: (each: Partition) => Struct,
): Structs {
  let at = 0
  return (value['Responses'] as Structs).map((topic) => {
    const mine = flat.slice(at, (at += (topic['Partitions'] as Structs).length))
    assert.ok(mine.every(({ topicId }) => topicId === topic['TopicId']))
    return { TopicId: topic['TopicId']!, Partitions: mine.map(show) }
  })
}

/** We ask for one group at a time, and for partitions by name. */
function asOneGroup(value: Struct): Struct {
  const [group = { GroupId: 'g', Topics: [] }] = value['Groups'] as Structs
  return { ...value, Groups: [{ ...group, Topics: group['Topics'] ?? [] }] }
}

function regroupOffsets(topics: Structs, flat: readonly SharePartitionOffsets[]): Structs {
  let at = 0
  return topics.map((topic) => {
    const mine = flat.slice(at, (at += (topic['Partitions'] as Structs).length))
    assert.ok(mine.every((each) => each.topic === topic['TopicName']))
    const partitions = mine.map(({ topic: _, partition, ...rest }) => ({ PartitionIndex: partition, ...capitalise(rest) }))
    return { TopicName: topic['TopicName']!, TopicId: topic['TopicId']!, Partitions: partitions }
  })
}

function capitalise(value: object): Struct {
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name[0]!.toUpperCase() + name.slice(1), each as Value]))
}

/** Without prototypes, and buffers as text. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}
