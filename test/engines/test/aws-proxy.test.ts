import { setTimeout as sleep } from 'node:timers/promises'
import { CreateDeliveryStreamCommand, FirehoseClient, PutRecordBatchCommand, PutRecordCommand } from '@aws-sdk/client-firehose'
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane'
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { iotLimits } from '../src/aws-proxy/limits-iot.js'
import { s3Limits } from '../src/aws-proxy/limits-s3.js'
import type { ProxiedRequest } from '../src/aws-proxy/types.js'
import { type AwsProxy, type AwsService, type RunningEngine, startAwsProxy, startEngine, whyMissing } from '../src/index.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
const reason = missing === undefined ? '' : ` (skipped: ${missing})`
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

suite(`the proxy before MiniStack${reason}`, () => {
  let engine: RunningEngine
  const proxies = new Map<AwsService, AwsProxy>()
  const client = (service: AwsService, more: object = {}) => ({
    endpoint: proxies.get(service)!.url,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials,
    ...more,
  })
  beforeAll(async () => {
    engine = await startEngine('ministack', { named: false })
    for (const service of ['s3', 'sqs', 'firehose', 'iot'] as const)
      proxies.set(service, await startAwsProxy({ service, target: engine.url, credentials: { test: 'test' } }))
  }, 120_000)
  afterEach(() => {
    for (const proxy of proxies.values()) proxy.inject()
  })
  afterAll(async () => {
    for (const proxy of proxies.values()) await proxy.stop()
    await engine?.stop()
  }, 60_000)

  const failing = (name: string) => ({ name })

  describe('S3', () => {
    const Bucket = 'proxied'
    let s3: S3Client
    beforeAll(async () => {
      s3 = new S3Client(client('s3'))
      await s3.send(new CreateBucketCommand({ Bucket }))
    })

    test('lets through what is within the limits, streams and odd keys included', async () => {
      const Key = "a//b ç+!'()*/?#.xml"
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(3_000_000, 7), Metadata: { a: 'two words' } }))
      const { Body, ContentLength } = await s3.send(new GetObjectCommand({ Bucket, Key }))
      expect(ContentLength).toBe(3_000_000)
      expect((await Body!.transformToByteArray()).every((byte) => byte === 7)).toBe(true)
    })

    test('refuses what is beyond them, in S3’s words', async () => {
      const upload = { Bucket, Key: 'parts' }
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand(upload))
      const part = (PartNumber: number) => s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber, Body: 'small' }))
      await expect(part(10_001)).rejects.toMatchObject(failing('InvalidArgument'))
      const Parts = [await part(1), await part(2)].map(({ ETag }, index) => ({ PartNumber: index + 1, ETag }))
      const complete = new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } })
      await expect(s3.send(complete)).rejects.toMatchObject(failing('EntityTooSmall'))
      const put = (more: object) => s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ...more }))
      await expect(put({ Key: 'k'.repeat(1_025) })).rejects.toMatchObject(failing('KeyTooLongError'))
      await expect(put({ Metadata: { a: 'x'.repeat(2_048) } })).rejects.toMatchObject(failing('MetadataTooLarge'))
      const Objects = Array.from({ length: 1_001 }, (_, index) => ({ Key: `k${index}` }))
      await expect(s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))).rejects.toMatchObject(failing('MalformedXML'))
    })

    test('refuses who is not who he says, or comes too late', async () => {
      const head = (more: object) => new S3Client(client('s3', more)).send(new GetObjectCommand({ Bucket, Key: 'k' }))
      const keys = (accessKeyId: string, secretAccessKey: string) => ({ credentials: { accessKeyId, secretAccessKey } })
      await expect(head(keys('nobody', 'x'))).rejects.toMatchObject(failing('InvalidAccessKeyId'))
      await expect(head(keys('test', 'wrong'))).rejects.toMatchObject(failing('SignatureDoesNotMatch'))
      expect((await fetch(`${proxies.get('s3')!.url}/${Bucket}/k`)).status).toBe(403)
      proxies.get('s3')!.inject({ kind: 'clockSkew', strength: 'medium' })
      await expect(head({})).rejects.toMatchObject(failing('RequestTimeTooSkewed'))
      proxies.get('s3')!.inject()
      proxies.get('s3')!.expire('old')
      await expect(head({ credentials: { ...credentials, sessionToken: 'old' } })).rejects.toMatchObject(failing('ExpiredToken'))
    })

    test('breaks as it is told, and heals', async () => {
      const proxy = proxies.get('s3')!
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: Buffer.alloc(100_000, 1) }))
      const get = async (abortSignal?: AbortSignal) => {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }), abortSignal === undefined ? {} : { abortSignal })
        return Body!.transformToByteArray()
      }
      const expected = {
        throttle: 'SlowDown',
        internalError: 'InternalError',
        unavailable: 'ServiceUnavailable',
        denied: 'AccessDenied',
        expiredToken: 'ExpiredToken',
      } as const
      for (const [kind, name] of Object.entries(expected)) {
        proxy.inject({ kind: kind as keyof typeof expected, strength: 'heavy' })
        await expect(get()).rejects.toMatchObject(failing(name))
      }
      for (const kind of ['reset', 'lostReply', 'cutBody', 'flippedBit'] as const) {
        proxy.inject({ kind, strength: 'heavy' })
        await expect(get()).rejects.toThrow(/./)
      }
      proxy.inject({ kind: 'blackHole', strength: 'heavy' })
      await expect(get(AbortSignal.timeout(200))).rejects.toThrow(/./)
      proxy.inject({ kind: 'slowBody', strength: 'heavy' })
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }))
      const late = await Promise.race([Body!.transformToByteArray(), sleep(300, 'still waiting')])
      expect(late).toBe('still waiting')
      proxy.inject({ kind: 'throttle', strength: 'light' })
      const fates = await Promise.allSettled(Array.from({ length: 60 }, () => s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))))
      const refused = fates.filter(({ status }) => status === 'rejected').length
      expect(refused).toBeGreaterThan(0)
      expect(refused).toBeLessThan(30)
      proxy.inject()
      expect((await get()).byteLength).toBe(100_000)
      expect(proxy.hits.throttle).toBeGreaterThan(1)
    }, 30_000)

    test('fails some keys of a bulk delete, and only those', async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `bulk-<${index}>`)
      for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
      proxies.get('s3')!.inject({ kind: 'partialFailure', strength: 'medium' })
      const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }))
      proxies.get('s3')!.inject()
      const left = new Set(Errors.map(({ Key }) => Key))
      expect(left.size).toBeGreaterThan(0)
      expect(left.size).toBeLessThan(40)
      for (const Key of keys) {
        const there = await s3.send(new HeadObjectCommand({ Bucket, Key })).then(
          () => true,
          () => false,
        )
        expect([Key, there]).toEqual([Key, left.has(Key)])
      }
    }, 30_000)
  })

  describe('SQS', () => {
    let sqs: SQSClient
    let QueueUrl: string
    beforeAll(async () => {
      sqs = new SQSClient(client('sqs'))
      QueueUrl = (await sqs.send(new CreateQueueCommand({ QueueName: 'proxied' }))).QueueUrl!
    })
    const entries = (count: number, body = 'x') => Array.from({ length: count }, (_, index) => ({ Id: `e${index}`, MessageBody: body }))
    const sendBatch = (Entries: ReturnType<typeof entries>) => sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    const sendOne = (more: object) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x', ...more }))

    test('takes 1 MiB, and not one byte more, in one message and in a batch', async () => {
      await sendOne({ MessageBody: 'x'.repeat(1_048_576) })
      await expect(sendOne({ MessageBody: 'x'.repeat(1_048_577) })).rejects.toMatchObject(failing('InvalidParameterValue'))
      await expect(sendBatch(entries(10, 'x'.repeat(104_858)))).rejects.toMatchObject(failing('BatchRequestTooLong'))
    })

    test('takes 10 entries, 10 attributes, 15 minutes, plain text', async () => {
      expect((await sendBatch(entries(10))).Successful).toHaveLength(10)
      await expect(sendBatch(entries(11))).rejects.toMatchObject(failing('TooManyEntriesInBatchRequest'))
      await expect(sendBatch([...entries(1), ...entries(1)])).rejects.toMatchObject(failing('BatchEntryIdsNotDistinct'))
      const attributes = Object.fromEntries(
        Array.from({ length: 11 }, (_, index) => [`a${index}`, { DataType: 'String', StringValue: 'x' }]),
      )
      await expect(sendOne({ MessageAttributes: attributes })).rejects.toMatchObject(failing('InvalidParameterValue'))
      await expect(sendOne({ DelaySeconds: 901 })).rejects.toMatchObject(failing('InvalidParameterValue'))
      await expect(sendOne({ MessageBody: 'a\u0001b' })).rejects.toMatchObject(failing('InvalidMessageContents'))
      await expect(sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 43_201 }))).rejects.toMatchObject(
        failing('InvalidParameterValue'),
      )
    })

    test('answers for each entry: a wrong one, and those that the fault meets', async () => {
      const wrong = await sendBatch([...entries(2), { Id: 'late', MessageBody: 'x', DelaySeconds: 901 } as never])
      expect([wrong.Successful?.length, wrong.Failed?.map(({ Id, SenderFault }) => [Id, SenderFault])]).toEqual([2, [['late', true]]])
      proxies.get('sqs')!.inject({ kind: 'partialFailure', strength: 'heavy' })
      const { Successful = [], Failed = [] } = await sendBatch(entries(5))
      expect([Successful.length, Failed.length, Failed[0]?.SenderFault]).toEqual([0, 5, false])
    })

    test('keeps apart what a FIFO queue takes and what a standard one takes', async () => {
      const make = (QueueName: string, Attributes: Record<string, string>) => sqs.send(new CreateQueueCommand({ QueueName, Attributes }))
      const invalid = failing('InvalidParameterValue')
      const { QueueUrl: fifo } = await make('proxied.fifo', { FifoQueue: 'true' })
      const group = { MessageGroupId: 'g', MessageDeduplicationId: 'd' }
      const toFifo = (more: object) => sendOne({ QueueUrl: fifo, ...more })
      await toFifo(group)
      await expect(toFifo({})).rejects.toMatchObject(failing('MissingParameter'))
      await expect(toFifo({ ...group, DelaySeconds: 5 })).rejects.toMatchObject(invalid)
      await expect(toFifo({ ...group, MessageGroupId: 'ção' })).rejects.toMatchObject(invalid)
      await expect(sendOne({ MessageDeduplicationId: 'd' })).rejects.toMatchObject(invalid)
      await expect(sendOne({ MessageAttributes: { a: { DataType: 'String', StringValue: '' } } })).rejects.toMatchObject(invalid)
      await expect(make('with.dots', {})).rejects.toMatchObject(invalid)
      await expect(make('forever', { MessageRetentionPeriod: '1209601' })).rejects.toMatchObject(invalid)
    })

    test('throttles in its own words', async () => {
      proxies.get('sqs')!.inject({ kind: 'throttle', strength: 'heavy' })
      await expect(sendOne({})).rejects.toMatchObject({ name: 'RequestThrottled', $metadata: { httpStatusCode: 403 } })
    })
  })

  describe('Firehose', () => {
    let firehose: FirehoseClient
    const stream = { DeliveryStreamName: 'proxied' }
    beforeAll(async () => {
      firehose = new FirehoseClient(client('firehose'))
      const S3DestinationConfiguration = { RoleARN: 'arn:aws:iam::000000000000:role/firehose', BucketARN: 'arn:aws:s3:::proxied' }
      await firehose.send(new CreateDeliveryStreamCommand({ ...stream, S3DestinationConfiguration }))
    })
    const batch = (count: number, bytes: number) =>
      firehose.send(
        new PutRecordBatchCommand({ ...stream, Records: Array.from({ length: count }, () => ({ Data: Buffer.alloc(bytes, 97) })) }),
      )

    test('takes 500 records, 4 MiB a call, 1,000 KiB a record', async () => {
      expect((await batch(500, 10)).FailedPutCount).toBe(0)
      await expect(batch(501, 10)).rejects.toMatchObject(failing('ValidationException'))
      await expect(batch(5, 900_000)).rejects.toMatchObject(failing('InvalidArgumentException'))
      await expect(firehose.send(new PutRecordCommand({ ...stream, Record: { Data: Buffer.alloc(1_024_001) } }))).rejects.toMatchObject(
        failing('ValidationException'),
      )
    }, 30_000)

    test('fails single records, each in its place', async () => {
      proxies.get('firehose')!.inject({ kind: 'partialFailure', strength: 'medium' })
      const { FailedPutCount, RequestResponses = [] } = await batch(50, 10)
      const failed = RequestResponses.filter(({ ErrorCode }) => ErrorCode === 'ServiceUnavailableException')
      expect(RequestResponses).toHaveLength(50)
      expect(failed).toHaveLength(FailedPutCount!)
      expect(FailedPutCount).toBeGreaterThan(0)
      expect(RequestResponses.filter(({ RecordId }) => RecordId !== undefined)).toHaveLength(50 - FailedPutCount!)
    })

    test('throttles in its own words', async () => {
      proxies.get('firehose')!.inject({ kind: 'throttle', strength: 'heavy' })
      await expect(batch(1, 1)).rejects.toMatchObject({ name: 'ServiceUnavailableException', message: 'Slow down.' })
    })
  })

  describe('IoT data plane', () => {
    let iot: IoTDataPlaneClient
    beforeAll(() => {
      iot = new IoTDataPlaneClient(client('iot'))
    })
    const publish = (topic: string, bytes = 1, qos = 1) => iot.send(new PublishCommand({ topic, qos, payload: Buffer.alloc(bytes, 97) }))

    test('takes 128 KiB, 7 slashes, 256 bytes of topic, and no wildcard', async () => {
      await publish('a/b/c/d/e/f/g/h', 131_072)
      await expect(publish('a', 131_073)).rejects.toMatchObject(failing('RequestEntityTooLargeException'))
      await expect(publish('a/b/c/d/e/f/g/h/i')).rejects.toMatchObject(failing('InvalidRequestException'))
      await expect(publish('a'.repeat(257))).rejects.toMatchObject(failing('InvalidRequestException'))
      await expect(publish('a/+/c')).rejects.toMatchObject(failing('InvalidRequestException'))
      await expect(publish('a', 1, 2)).rejects.toMatchObject(failing('InvalidRequestException'))
    })
  })
})

/** What no client can be made to send, or not fast enough. */
describe('limits', () => {
  const request = (method: string, target: string, headers: Record<string, string> = {}, connection: object = {}): ProxiedRequest => {
    const [path = '', query = ''] = target.split('?')
    return { method, target, path, query: new URLSearchParams(query), headers, body: Buffer.from('x'), connection }
  }

  test('S3: 5 GiB in one request, and not one byte more', () => {
    const put = (bytes: number) => s3Limits().check(request('PUT', '/b/k', { 'content-length': String(bytes) }))
    expect(put(5 * 1_024 ** 3)).toBeUndefined()
    expect(put(5 * 1_024 ** 3 + 1)).toMatchObject({ code: 'EntityTooLarge' })
  })

  test('IoT: 100 publishes in any second of one connection', () => {
    let now = 0
    const limits = iotLimits(() => now)
    const [one, other] = [{}, {}]
    const publish = (connection: object) => limits.check(request('POST', '/topics/a', {}, connection))
    for (let count = 0; count < 100; count++, now += 5) expect(publish(one)).toBeUndefined()
    expect(publish(one)).toMatchObject({ code: 'ThrottlingException' })
    expect(publish(other)).toBeUndefined()
    now += 1_001
    expect(publish(one)).toBeUndefined()
  })
})
