import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { ProvisionStep } from '@pdvend/ports'
import type { Settings } from '../config.js'
import { fail } from '../errors.js'
import type { Task } from './queues.js'

/** A dedupe key is taken for seven days at most; its object is small, and nobody else deletes it. */
const DEDUPE_DAYS = 8

/** The bucket, where it is missing, and a rule that removes dedupe keys once their window is over. Other rules stay as they are. */
export async function bucketTasks(s3: S3Client, settings: Settings, abortSignal: AbortSignal): Promise<readonly Task[]> {
  const bucket = await bucketTask(s3, settings, abortSignal)
  return bucket.step.change === 'refuse' ? [bucket] : [bucket, await ruleTask(s3, settings, bucket.step.change === 'create', abortSignal)]
}

async function bucketTask(s3: S3Client, { bucket: Bucket, bucketEndpoint }: Settings, abortSignal: AbortSignal): Promise<Task> {
  const step = (change: ProvisionStep['change'], detail?: string): ProvisionStep => ({
    kind: 'bucket',
    name: Bucket,
    change,
    ...(detail === undefined ? {} : { detail }),
  })
  const error = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 }), { abortSignal }).then(
    () => undefined,
    (cause: unknown) => fail('provision', cause, Bucket),
  )
  if (error === undefined) return { step: step('keep') }
  if (error.code === 'PERMISSION_DENIED')
    return {
      step: step('refuse', 'it is there and not open to these credentials: it may be another account’s; choose another PDVEND_JOBS_BUCKET'),
    }
  if (error.code === 'CONFIG_INVALID') return { step: step('refuse', error.detail) }
  if (error.code !== 'NOT_FOUND') throw error
  const region = await s3.config.region()
  // us-east-1 is the one region that may not be named.
  const location =
    region === 'us-east-1' || bucketEndpoint !== undefined
      ? {}
      : { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } }
  return {
    step: step('create', `in region ${region}`),
    async apply() {
      await s3.send(new CreateBucketCommand({ Bucket, ...location }), { abortSignal }).catch((cause: unknown) => {
        if ((cause as Error).name !== 'BucketAlreadyOwnedByYou') throw cause
      })
    },
  }
}

async function ruleTask(s3: S3Client, settings: Settings, missing: boolean, abortSignal: AbortSignal): Promise<Task> {
  const { bucket: Bucket, bucketPrefix } = settings
  const prefix = `${bucketPrefix}dedupe/`
  const rule: LifecycleRule = {
    ID: `pdvend-dedupe-keys ${prefix}`.slice(0, 255),
    Status: 'Enabled',
    Filter: { Prefix: prefix },
    Expiration: { Days: DEDUPE_DAYS },
    NoncurrentVersionExpiration: { NoncurrentDays: 1 },
  }
  const step = { kind: 'lifecycle rule', name: prefix, detail: `dedupe keys are removed after ${DEDUPE_DAYS} days` } as const
  const rules = async (): Promise<readonly LifecycleRule[] | 'none' | 'not for these credentials'> => {
    try {
      const found = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), { abortSignal })
      return found.Rules ?? []
    } catch (cause) {
      if ((cause as Error).name === 'NoSuchLifecycleConfiguration') return []
      if (UNKNOWN.has((cause as Error).name)) return 'none'
      // The app looks at its queues at start, and needs no right to read the bucket's rules.
      if ((cause as Error).name === 'AccessDenied') return 'not for these credentials'
      throw cause
    }
  }
  // Read again: the blobs' own provisioning may have added a rule to the same bucket since the plan was made.
  const apply = async (): Promise<void> => {
    const others = await rules()
    if (typeof others === 'string') return
    const Rules = [...others.filter(({ ID }) => ID !== rule.ID), rule]
    await s3
      .send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }), { abortSignal })
      .catch((cause: unknown) => {
        if (!UNKNOWN.has((cause as Error).name)) throw cause
      })
  }
  if (missing) return { step: { ...step, change: 'create' }, apply }
  const found = await rules()
  if (typeof found === 'string')
    return { step: { ...step, change: 'keep', detail: found === 'none' ? 'this store has none' : 'these credentials may not look at it' } }
  const has = found.some(({ Status, Filter, Expiration }) => Status === 'Enabled' && Filter?.Prefix === prefix && Expiration !== undefined)
  return has ? { step: { ...step, change: 'keep' } } : { step: { ...step, change: 'create' }, apply }
}

/** What S3 has and other stores may not: refused as unknown, or as XML that they do not understand. */
const UNKNOWN = new Set(['NotImplemented', 'MalformedXML', 'InvalidArgument', 'MethodNotAllowed', 'XNotImplemented'])
