import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3'
import { type AdapterDeps, PortError, type ProvisionPlan, type ProvisionStep } from '@pdvend/ports'
import { openStore, type Store } from './client.js'
import { isAmazon, type Settings } from './config.js'
import { failed } from './errors.js'

/** What a writer that was killed left in parts is billed until this rule removes it. */
const RULE: LifecycleRule = {
  ID: 'pdvend-unfinished-uploads',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
}

const PRIVATE = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true }

interface Task {
  readonly step: ProvisionStep
  apply?(): Promise<unknown>
}

/** The bucket, closed to the public, with a rule that removes unfinished uploads after seven days. Nothing that is there is taken away. */
export async function planBucket(settings: Settings, { signal }: AdapterDeps): Promise<ProvisionPlan> {
  const store = openStore(settings)
  const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      signal.throwIfAborted()
      return await work()
    } catch (cause) {
      throw failed(what, cause, settings.bucket)
    }
  }
  try {
    const bucket = await call('provision', () => bucketTask(store, settings))
    const missing = bucket.step.change === 'create'
    const tasks = [bucket]
    if (bucket.step.change !== 'refuse')
      tasks.push(await call('provision', () => privacyTask(store, missing)), await call('provision', () => lifecycleTask(store, missing)))
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
      close: async () => store.client.destroy(),
    }
  } catch (error) {
    store.client.destroy()
    throw error
  }
}

async function bucketTask({ client, bucket: Bucket }: Store, settings: Settings): Promise<Task> {
  const step = (change: ProvisionStep['change'], detail?: string): ProvisionStep => ({
    kind: 'bucket',
    name: Bucket,
    change,
    ...(detail === undefined ? {} : { detail }),
  })
  const error = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 })).then(
    () => undefined,
    (cause: unknown) => failed('provision', cause, Bucket),
  )
  if (error === undefined) return { step: step('keep') }
  const { name } = error.cause as { name?: string }
  if (error.code === 'PERMISSION_DENIED')
    return {
      step: step('refuse', 'it is there and not open to these credentials: it may be another account’s; choose another PDVEND_BLOB_BUCKET'),
    }
  if (error.code === 'CONFIG_INVALID') return { step: step('refuse', error.detail) }
  if (name !== 'NoSuchBucket') throw error
  const region = await client.config.region()
  // us-east-1 is the one region that may not be named.
  const location =
    region === 'us-east-1' || !isAmazon(settings)
      ? {}
      : { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } }
  const create = async (): Promise<void> => {
    await client.send(new CreateBucketCommand({ Bucket, ...location })).catch((cause: unknown) => {
      if ((cause as { name?: string }).name !== 'BucketAlreadyOwnedByYou') throw cause
    })
  }
  return { step: step('create', `in region ${region}`), apply: create }
}

async function privacyTask({ client, bucket: Bucket }: Store, missing: boolean): Promise<Task> {
  const step = { kind: 'public access block', name: Bucket, detail: 'all four' }
  const apply = () => client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: PRIVATE }))
  if (missing) return { step: { ...step, change: 'create' }, apply: () => apply().catch(unlessUnknown) }
  const found = await client.send(new GetPublicAccessBlockCommand({ Bucket })).catch(absent('NoSuchPublicAccessBlockConfiguration'))
  if (found === 'unknown') return { step: { ...step, change: 'keep', detail: 'this store has none' } }
  const now = found?.PublicAccessBlockConfiguration
  const whole = Object.keys(PRIVATE).every((name) => now?.[name as keyof typeof PRIVATE] === true)
  return whole ? { step: { ...step, change: 'keep' } } : { step: { ...step, change: 'update' }, apply }
}

async function lifecycleTask({ client, bucket: Bucket }: Store, missing: boolean): Promise<Task> {
  const step = { kind: 'lifecycle rule', name: RULE.ID!, detail: 'unfinished multipart uploads are aborted after 7 days' }
  const read = () => client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })).catch(absent('NoSuchLifecycleConfiguration'))
  // Read again: the jobs' own provisioning may have added a rule to the same bucket since the plan was made.
  const apply = async (): Promise<void> => {
    const now = await read()
    if (now === 'unknown') return
    const Rules = [...(now?.Rules ?? []).filter(({ ID }) => ID !== RULE.ID), RULE]
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } })).catch(unlessUnknown)
  }
  if (missing) return { step: { ...step, change: 'create' }, apply }
  const found = await read()
  if (found === 'unknown') return { step: { ...step, change: 'keep', detail: 'this store has none' } }
  const rules = found?.Rules ?? []
  if (rules.some(({ Status, AbortIncompleteMultipartUpload }) => Status === 'Enabled' && AbortIncompleteMultipartUpload !== undefined))
    return { step: { ...step, change: 'keep' } }
  return { step: { ...step, change: found === undefined ? 'create' : 'update' }, apply }
}

/** What S3 has and other stores may not: refused as unknown, or as XML that they do not understand. */
const UNKNOWN = new Set(['NotImplemented', 'MalformedXML', 'InvalidArgument', 'MethodNotAllowed', 'XNotImplemented'])

function unlessUnknown(cause: unknown): void {
  if (!UNKNOWN.has((cause as { name?: string }).name ?? '')) throw cause
}

function absent(name: string): (cause: unknown) => undefined | 'unknown' {
  return (cause) => {
    if ((cause as { name?: string }).name === name) return undefined
    unlessUnknown(cause)
    return 'unknown'
  }
}
