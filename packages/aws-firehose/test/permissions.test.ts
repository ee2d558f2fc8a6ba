import { expect, test } from '@jest/globals'
import { readSettings } from '@pdvend/ports'
import { manifest } from '../src/index.js'

const role = 'arn:aws:iam::123456789012:role/pdv-firehose'
const bucket = 'arn:aws:s3:::pdv-telemetry'

test.each([
  [{}, 'arn:aws:firehose:*:*:deliverystream/pdv'],
  [{ PDVEND_TELEMETRY_REGION: 'sa-east-1' }, 'arn:aws:firehose:sa-east-1:*:deliverystream/pdv'],
  [
    { PDVEND_TELEMETRY_DELIVERY_ROLE_ARN: role, PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN: bucket },
    'arn:aws:firehose:*:123456789012:deliverystream/pdv',
  ],
  [{ PDVEND_TELEMETRY_ACCOUNT: '210987654321' }, 'arn:aws:firehose:*:210987654321:deliverystream/pdv'],
])('the rights of a stream, as far as %j tells where it is', async (env, stream) => {
  const { settings } = await readSettings(manifest.config, { PDVEND_TELEMETRY_STREAM: 'pdv', ...env })
  expect(manifest.permissions!(settings!, { jobs: [] })).toEqual([
    { reason: 'send events', actions: ['firehose:PutRecordBatch'], resources: [stream] },
    { reason: 'see that the stream is there and active', actions: ['firehose:DescribeDeliveryStream'], resources: [stream] },
  ])
})
