import { GetPublicAccessBlockCommand, type LifecycleRule, PutPublicAccessBlockCommand } from '@aws-sdk/client-s3'
import { absent, type BucketPlace, bucketTask, ruleTask, type Task, unlessUnknown } from '@pdvend/client-aws/bucket'
import { type AdapterDeps, PortError, type ProvisionPlan } from '@pdvend/ports'
import { openStore } from './client.js'
import { isAmazon, type Settings } from './config.js'
import { failed } from './errors.js'

/** What a writer that was killed left in parts is billed until this rule removes it. */
const RULE = {
  ID: 'pdvend-unfinished-uploads',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
} as const satisfies LifecycleRule

const PRIVATE = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true }

/** The bucket, closed to the public, with a rule that removes unfinished uploads after seven days. Nothing that is there is taken away. */
export async function planBucket(settings: Settings, { signal }: AdapterDeps): Promise<ProvisionPlan> {
  const { client } = openStore(settings)
  const place = { client, bucket: settings.bucket, amazon: isAmazon(settings), signal }
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      signal.throwIfAborted()
      return await work()
    } catch (cause) {
      throw failed(what, cause, settings.bucket)
    }
  }
  try {
    const bucket = await call('provision', () => bucketTask(place, 'PDVEND_BLOB_BUCKET', failed))
    const missing = bucket.step.change === 'create'
    const tasks = [bucket]
    if (bucket.step.change !== 'refuse')
      tasks.push(await call('provision', () => privacyTask(place, missing)), await call('provision', () => uploadsTask(place, missing)))
    return {
      steps: tasks.map(({ step }) => step),
      async apply() {
        const refused = tasks.find(({ step }) => step.change === 'refuse')
        if (refused !== undefined)
          throw new PortError('CONFIG_INVALID', {
            adapter: 'aws-s3',
            operation: 'provision',
            detail: `${refused.step.name}: ${refused.step.detail}`,
          })
        for (const task of tasks) await call('provision', async () => task.apply?.())
      },
      close: async () => client.destroy(),
    }
  } catch (error) {
    client.destroy()
    throw error
  }
}

async function privacyTask({ client, bucket: Bucket }: BucketPlace, missing: boolean): Promise<Task> {
  const step = { kind: 'public access block', name: Bucket, detail: 'all four' }
  const apply = async (): Promise<void> => {
    await client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: PRIVATE }))
  }
  if (missing) return { step: { ...step, change: 'create' }, apply: () => apply().catch(unlessUnknown) }
  const found = await client.send(new GetPublicAccessBlockCommand({ Bucket })).catch(absent('NoSuchPublicAccessBlockConfiguration'))
  if (found === 'unknown') return { step: { ...step, change: 'keep', detail: 'this store has none' } }
  const now = found?.PublicAccessBlockConfiguration
  const whole = Object.keys(PRIVATE).every((name) => now?.[name as keyof typeof PRIVATE] === true)
  return whole ? { step: { ...step, change: 'keep' } } : { step: { ...step, change: 'update' }, apply }
}

function uploadsTask(place: BucketPlace, missing: boolean): Promise<Task> {
  return ruleTask(place, missing, {
    rule: RULE,
    name: RULE.ID,
    detail: 'unfinished multipart uploads are aborted after 7 days',
    serves: ({ AbortIncompleteMultipartUpload }) => AbortIncompleteMultipartUpload !== undefined,
  })
}
