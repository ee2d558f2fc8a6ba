import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs'
import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { PortError, type ProvisionPlan } from '@pdvend/ports'
import { manifest } from '../src/index.js'
import { deps, type Env, settingsOf } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

for (const kind of ['ministack', 'elasticmq'] as const) {
  /** ElasticMQ keeps messages for ever, and has no attribute for it. */
  const retention = kind === 'ministack' ? { MessageRetentionPeriod: '1209600' } : {}
  const missing = (await whyMissing('ministack')) ?? (await whyMissing(kind))
  const suite = missing === undefined ? describe : describe.skip
  suite(`provision on ${kind}${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
    let engine: JobsEngine
    beforeAll(async () => (engine = await startSqs({ sqs: kind })), 120_000)
    afterEach(() => {
      engine.proxy.inject()
      engine.bucketProxy.inject()
    })
    afterAll(() => engine?.stop(), 60_000)

    const plan = async (name: string, { keyed = false, env = {} }: { keyed?: boolean; env?: Env } = {}): Promise<ProvisionPlan> =>
      manifest.provision!(await settingsOf({ ...engine.env, ...env }), { jobs: [{ name, keyed }] }, deps())
    /** Plans, applies when told to, and closes. */
    const steps = async (name: string, options: Parameters<typeof plan>[1] & { readonly apply?: boolean } = {}) => {
      const made = await plan(name, options)
      try {
        if (options.apply === true) await made.apply()
        return made.steps.map(({ change, kind: of, name: it }) => `${change} ${of} ${it}`)
      } finally {
        await made.close()
      }
    }
    const urlOf = async (QueueName: string) => (await engine.sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl!
    const attributesOf = async (name: string) => {
      const command = new GetQueueAttributesCommand({ QueueUrl: await urlOf(name), AttributeNames: ['All'] })
      return (await engine.sqs.send(command)).Attributes as Partial<Record<QueueAttributeName, string>>
    }
    const set = async (name: string, Attributes: Partial<Record<QueueAttributeName, string>>) =>
      engine.sqs.send(new SetQueueAttributesCommand({ QueueUrl: await urlOf(name), Attributes }))

    test('plans and makes the queues of a job, each with its net; again, it keeps them', async () => {
      const queues = ['pdvend-shop_sale--dead', 'pdvend-shop_sale', 'pdvend-shop_sale--later']
      const fifo = ['pdvend-shop_sale--dead.fifo', 'pdvend-shop_sale.fifo']
      expect((await steps('shop.sale')).filter((step) => step.includes('queue'))).toEqual(queues.map((name) => `create queue ${name}`))
      await expect(urlOf('pdvend-shop_sale')).rejects.toThrow(/queue/i)
      const keyed = { keyed: true, apply: true }
      expect((await steps('shop.sale', keyed)).filter((step) => step.includes('queue'))).toEqual(
        [...queues, ...fifo].map((name) => `create queue ${name}`),
      )
      expect((await steps('shop.sale', keyed)).every((step) => step.startsWith('keep'))).toBe(true)
      for (const name of ['pdvend-shop_sale', 'pdvend-shop_sale--later', 'pdvend-shop_sale.fifo']) {
        const attributes = await attributesOf(name)
        expect(attributes).toMatchObject(retention)
        const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(attributes.RedrivePolicy!) as Record<string, unknown>
        expect([deadLetterTargetArn, Number(maxReceiveCount)]).toEqual([
          expect.stringMatching(name.endsWith('.fifo') ? /:pdvend-shop_sale--dead\.fifo$/ : /:pdvend-shop_sale--dead$/),
          1_000,
        ])
      }
      expect(await attributesOf('pdvend-shop_sale.fifo')).toMatchObject({ FifoQueue: 'true' })
    })

    test('makes a missing bucket with the rule for dedupe keys, and leaves the rules of others', async () => {
      const env = { PDVEND_JOBS_BUCKET: 'provisioned-one' }
      expect((await steps('rule', { env })).slice(0, 2)).toEqual([
        'create bucket provisioned-one',
        'create lifecycle rule pdvend-jobs/dedupe/',
      ])
      await steps('rule', { env, apply: true })
      expect((await steps('rule', { env })).slice(0, 2)).toEqual(['keep bucket provisioned-one', 'keep lifecycle rule pdvend-jobs/dedupe/'])
      const theirs = { ID: 'theirs', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 30 } } as const
      const Bucket = engine.bucket
      await engine.s3.send(new DeleteBucketLifecycleCommand({ Bucket }))
      const plans = await plan('rule')
      // Between plan and apply, as the blobs' provisioning does.
      await engine.s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [theirs] } }))
      await plans.apply()
      await plans.close()
      const { Rules = [] } = await engine.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))
      expect(Rules.map(({ Filter, Expiration }) => [Filter?.Prefix, Expiration?.Days])).toEqual([
        ['logs/', 30],
        ['pdvend-jobs/dedupe/', 8],
      ])
    })

    test("passes by the bucket's rules where it may not read them, as at the start of an app", async () => {
      const arn = `arn:aws:s3:::${engine.bucket}`
      engine.bucketProxy.allow([{ actions: ['s3:ListBucket'], resources: [arn] }])
      const made = await plan('looking')
      engine.bucketProxy.allow()
      await made.close()
      expect(made.steps.slice(0, 2)).toMatchObject([
        { kind: 'bucket', change: 'keep' },
        { kind: 'lifecycle rule', change: 'keep', detail: 'these credentials may not look at it' },
      ])
    })

    test('mends what a queue lacks, and touches nothing else', async () => {
      const QueueName = 'pdvend-mended'
      await engine.sqs.send(
        new CreateQueueCommand({ QueueName, Attributes: { MessageRetentionPeriod: '3600', VisibilityTimeout: '77', DelaySeconds: '5' } }),
      )
      const made = await plan('mended')
      const step = made.steps.find(({ name }) => name === QueueName)
      expect(step?.change).toBe('update')
      if (kind === 'ministack') expect(step?.detail).toMatch(/MessageRetentionPeriod from 3600 to 1209600/)
      expect(step?.detail).toMatch(/DelaySeconds from 5 to 0.*to pdvend-mended--dead after 1000 receives/)
      await made.apply()
      await made.apply()
      await made.close()
      expect(await attributesOf(QueueName)).toMatchObject({ ...retention, VisibilityTimeout: '77', DelaySeconds: '0' })
      const { deadLetterTargetArn } = JSON.parse((await attributesOf(QueueName)).RedrivePolicy!) as { deadLetterTargetArn: string }
      await set(QueueName, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 }) })
      const again = await plan('mended')
      expect(again.steps.find(({ name }) => name === QueueName)).toMatchObject({
        change: 'update',
        detail: 'to pdvend-mended--dead after 1000 receives in place of 3',
      })
      await again.apply()
      await again.close()
      expect((await steps('mended')).filter((line) => !line.startsWith('keep'))).toEqual([])
    })

    test('refuses a queue whose dead letters go elsewhere, and then changes nothing', async () => {
      const { QueueUrl } = await engine.sqs.send(new CreateQueueCommand({ QueueName: 'their-dead' }))
      const { Attributes } = await engine.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }))
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: Attributes!.QueueArn, maxReceiveCount: 5 })
      await engine.sqs.send(new CreateQueueCommand({ QueueName: 'pdvend-theirs', Attributes: { RedrivePolicy } }))
      const made = await plan('theirs')
      expect(made.steps.find(({ name }) => name === 'pdvend-theirs')).toMatchObject({
        change: 'refuse',
        detail: expect.stringContaining('their-dead'),
      })
      await expect(made.apply()).rejects.toMatchObject({ code: 'CONFIG_INVALID', target: 'pdvend-theirs' })
      await made.close()
      await expect(urlOf('pdvend-theirs--dead')).rejects.toThrow(/queue/i)
      expect(await attributesOf('pdvend-theirs')).toMatchObject({ RedrivePolicy: expect.stringContaining('their-dead') })
    })

    test('names what it may not do, and whose bucket it is not', async () => {
      engine.bucketProxy.inject({ kind: 'denied', strength: 'heavy' })
      const denied = await plan('denied')
      engine.bucketProxy.inject()
      expect(denied.steps[0]).toMatchObject({ kind: 'bucket', change: 'refuse', detail: expect.stringContaining('PDVEND_JOBS_BUCKET') })
      await expect(denied.apply()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      await denied.close()
      engine.proxy.inject({ kind: 'denied', strength: 'heavy' })
      const error = await plan('denied').catch((thrown: unknown) => thrown)
      expect(PortError.is(error, 'PERMISSION_DENIED')).toBe(true)
    })
  })
}
