import { expect, test } from '@jest/globals'
import { arn, partitionOf } from '../src/index.js'

test('an ARN says what is known, and * for the rest', () => {
  expect(arn('sqs', { region: 'sa-east-1', account: '123456789012' }, 'pdv-jobs')).toBe('arn:aws:sqs:sa-east-1:123456789012:pdv-jobs')
  expect(arn('firehose', {}, 'deliverystream/pdv')).toBe('arn:aws:firehose:*:*:deliverystream/pdv')
})

test('the partition follows the region', () => {
  expect(arn('iot', { region: 'cn-north-1' }, 'topic/a')).toBe('arn:aws-cn:iot:cn-north-1:*:topic/a')
  expect(['us-gov-west-1', 'sa-east-1', undefined].map(partitionOf)).toEqual(['aws-us-gov', 'aws', 'aws'])
})
