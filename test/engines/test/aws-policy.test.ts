import { describe, expect, test } from '@jest/globals'
import { type Allowed, lacking, rightsOf } from '../src/aws-proxy/policy.js'
import type { AwsService, ProxiedRequest } from '../src/aws-proxy/types.js'

const account = '123456789012'

const request = (method: string, target: string, more: { headers?: Record<string, string>; body?: unknown } = {}): ProxiedRequest => {
  const [path = '', query = ''] = target.split('?')
  const authorization = 'AWS4-HMAC-SHA256 Credential=key/20261126/sa-east-1/service/aws4_request, SignedHeaders=host, Signature=0'
  const body = Buffer.from(typeof more.body === 'string' ? more.body : JSON.stringify(more.body ?? {}))
  return { method, target, path, query: new URLSearchParams(query), headers: { authorization, ...more.headers }, body, connection: {} }
}

const call = (target: string, body: object): ProxiedRequest => request('POST', '/', { headers: { 'x-amz-target': target }, body })

const queue = `arn:aws:sqs:sa-east-1:${account}:pdv-jobs`

describe('what a request needs', () => {
  test.each<[AwsService, ProxiedRequest, readonly string[]]>([
    ['s3', request('GET', '/pdv?list-type=2'), ['s3:ListBucket arn:aws:s3:::pdv']],
    ['s3', request('GET', '/pdv?uploads'), ['s3:ListBucketMultipartUploads arn:aws:s3:::pdv']],
    ['s3', request('GET', '/pdv?lifecycle'), ['s3:GetLifecycleConfiguration arn:aws:s3:::pdv']],
    ['s3', request('PUT', '/pdv?publicAccessBlock'), ['s3:PutBucketPublicAccessBlock arn:aws:s3:::pdv']],
    ['s3', request('HEAD', '/pdv/a%20b//c'), ['s3:GetObject arn:aws:s3:::pdv/a b//c']],
    ['s3', request('PUT', '/pdv/k?partNumber=1&uploadId=u'), ['s3:PutObject arn:aws:s3:::pdv/k']],
    [
      's3',
      request('PUT', '/pdv/k', { headers: { 'x-amz-copy-source': '/pdv/from%2Fhere' } }),
      ['s3:GetObject arn:aws:s3:::pdv/from/here', 's3:PutObject arn:aws:s3:::pdv/k'],
    ],
    ['s3', request('DELETE', '/pdv/k?uploadId=u'), ['s3:AbortMultipartUpload arn:aws:s3:::pdv/k']],
    [
      's3',
      request('POST', '/pdv?delete', { body: '<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>' }),
      ['s3:DeleteObject arn:aws:s3:::pdv/a', 's3:DeleteObject arn:aws:s3:::pdv/b'],
    ],
    [
      'firehose',
      call('Firehose_20150804.PutRecordBatch', { DeliveryStreamName: 'pdv' }),
      [`firehose:PutRecordBatch arn:aws:firehose:sa-east-1:${account}:deliverystream/pdv`],
    ],
    ['sqs', call('AmazonSQS.SendMessageBatch', { QueueUrl: `http://localhost/${account}/pdv-jobs` }), [`sqs:SendMessage ${queue}`]],
    ['sqs', call('AmazonSQS.GetQueueUrl', { QueueName: 'pdv-jobs' }), [`sqs:GetQueueUrl ${queue}`]],
    ['iot', request('POST', '/topics/a%2Fb?qos=1'), [`iot:Publish arn:aws:iot:sa-east-1:${account}:topic/a/b`]],
    [
      'iot',
      request('POST', '/topics/a?retain=true'),
      [`iot:Publish arn:aws:iot:sa-east-1:${account}:topic/a`, `iot:RetainPublish arn:aws:iot:sa-east-1:${account}:topic/a`],
    ],
    ['iot', request('DELETE', '/connections/till-1'), [`iot:DeleteConnection arn:aws:iot:sa-east-1:${account}:client/till-1`]],
    ['iot', request('POST', '/connections/t/messages?topic=a'), [`iot:SendDirectMessage arn:aws:iot:sa-east-1:${account}:client/t`]],
  ])('%s %#', (service, asked, rights) => {
    expect(rightsOf(service, asked, account).map(({ action, resource }) => `${action} ${resource}`)).toEqual(rights)
  })
})

test('what is not allowed is lacking: the action, the resource, or the condition', () => {
  const need = [{ action: 's3:GetObject', resource: 'arn:aws:s3:::pdv/a.b' }]
  const allowed = (more: Partial<Allowed> = {}): readonly Allowed[] => [
    { actions: ['s3:GetObject'], resources: ['arn:aws:s3:::pdv/*'], ...more },
  ]
  const ownedBy = (owner: string) => allowed({ conditions: { StringEquals: { 'aws:ResourceAccount': owner } } })
  expect(lacking(allowed(), need, account)).toBeUndefined()
  expect(lacking(ownedBy(account), need, account)).toBeUndefined()
  for (const less of [
    [],
    allowed({ actions: ['s3:PutObject'] }),
    allowed({ resources: ['arn:aws:s3:::pdv/a?'] }),
    allowed({ resources: ['arn:aws:s3:::other/*'] }),
    ownedBy('210987654321'),
    allowed({ conditions: { Bool: { 'aws:SecureTransport': 'true' } } }),
  ])
    expect(lacking(less, need, account)).toEqual(need[0])
})
