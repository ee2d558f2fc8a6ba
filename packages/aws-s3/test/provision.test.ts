import { GetBucketLifecycleConfigurationCommand, type LifecycleRule, PutBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { deps, openDriver, settingsOf } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`provision${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  beforeAll(async () => (store = await startMiniStack()), 120_000)
  afterAll(() => store?.stop(), 60_000)

  const plan = async (env: Readonly<Record<string, string>>) =>
    manifest.provision!(await settingsOf({ ...store.env, ...env }), { jobs: [] }, deps())
  const changes = (steps: readonly { kind: string; change: string }[]) => steps.map(({ kind, change }) => `${change} ${kind}`)

  test('plans and makes a bucket that is closed, with a rule for unfinished uploads; again, it keeps all of it', async () => {
    const env = { PDVEND_BLOB_BUCKET: 'provisioned-one' }
    const first = await plan(env)
    expect(changes(first.steps)).toEqual(['create bucket', 'create public access block', 'create lifecycle rule'])
    await expect(openDriver(store, env)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await first.apply()
    await first.apply()
    await first.close()
    await (await openDriver(store, env)).close()
    const again = await plan(env)
    expect(changes(again.steps)).toEqual(['keep bucket', 'keep public access block', 'keep lifecycle rule'])
    await again.close()
  })

  test('adds what a bucket lacks, and keeps what it has', async () => {
    const mended = await plan({})
    expect(changes(mended.steps)).toEqual(['keep bucket', 'update public access block', 'create lifecycle rule'])
    await mended.apply()
    await mended.close()
    const again = await plan({})
    expect(changes(again.steps)).toEqual(['keep bucket', 'keep public access block', 'keep lifecycle rule'])
    await again.close()
  })

  test('keeps a rule that came between the plan and its application', async () => {
    const Bucket = 'provisioned-two'
    const late: LifecycleRule = { ID: 'theirs', Status: 'Enabled', Filter: { Prefix: 'old/' }, Expiration: { Days: 9 } }
    const first = await plan({ PDVEND_BLOB_BUCKET: Bucket })
    await first.apply()
    await store.client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [late] } }))
    await first.apply()
    await first.close()
    const { Rules = [] } = await store.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))
    expect(Rules.map(({ ID }) => ID).toSorted()).toEqual(['pdvend-unfinished-uploads', 'theirs'])
  })

  test("refuses another's bucket, and one in another region", async () => {
    store.proxy.inject({ kind: 'denied', strength: 'heavy' })
    const denied = await plan({})
    store.proxy.inject()
    expect(changes(denied.steps)).toEqual(['refuse bucket'])
    await expect(denied.apply()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await denied.close()
    const far = await plan({ PDVEND_BLOB_REGION: 'eu-west-1' })
    expect(far.steps).toMatchObject([{ change: 'refuse', detail: expect.stringContaining('us-east-1') }])
    await far.close()
  })
})
