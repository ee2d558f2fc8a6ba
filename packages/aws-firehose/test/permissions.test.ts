import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { proxiedFirehose } from './firehose-engine.js'
import { openDriver, settingsOf } from './open.js'

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
  const settings = await settingsOf({ PDVEND_TELEMETRY_STREAM: 'pdv', ...env })
  expect(manifest.permissions!(settings, { jobs: [] })).toEqual([
    { reason: 'send events', actions: ['firehose:PutRecordBatch'], resources: [stream] },
    { reason: 'see that the stream is there and active', actions: ['firehose:DescribeDeliveryStream'], resources: [stream] },
  ])
})

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`on a stream that holds every request against the policy${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: Awaited<ReturnType<typeof proxiedFirehose>>
  const account = '123456789012'
  beforeAll(async () => (engine = await proxiedFirehose({ account })), 120_000)
  afterAll(() => engine?.stop?.(), 60_000)

  const granted = async (but?: string) => {
    const permissions = manifest.permissions!(await settingsOf({ ...engine.env }), { jobs: [] })
    return permissions.map((one) => ({ ...one, actions: one.actions.filter((action) => action !== but) }))
  }
  const call = { signal: AbortSignal.timeout(30_000) }
  const event = { bytes: new TextEncoder().encode('{}') } as never

  test('everything that the driver does is allowed, and nothing is allowed that it does not do', async () => {
    engine.proxy.allow(await granted())
    const driver = await openDriver(engine)
    expect(await driver.send([event], call)).toEqual([{ status: 'accepted' }])
    await driver.ping(call)
    await driver.close()
    expect(engine.proxy.needed).toEqual(['firehose:DescribeDeliveryStream', 'firehose:PutRecordBatch'])
  })

  test('what is denied names the action and the resource', async () => {
    engine.proxy.allow(await granted('firehose:PutRecordBatch'))
    const driver = await openDriver(engine)
    await expect(driver.send([event], call)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      detail: `allow firehose:PutRecordBatch on arn:aws:firehose:us-east-1:${account}:deliverystream/pdv-telemetry to these credentials`,
    })
    await driver.close()
  })
})
