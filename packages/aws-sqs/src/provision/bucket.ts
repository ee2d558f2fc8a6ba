import type { LifecycleRule, S3Client } from '@aws-sdk/client-s3'
import { type BucketPlace, bucketTask, ruleTask } from '@pdvend/client-aws/bucket'
import type { Settings } from '../config.js'
import { fail } from '../errors.js'
import type { Task } from './queues.js'

/** A dedupe key is taken for seven days at most; its object is small, and nobody else deletes it. */
const DEDUPE_DAYS = 8

/** The bucket, where it is missing, and a rule that removes dedupe keys once their window is over. Other rules stay as they are. */
export async function bucketTasks(client: S3Client, settings: Settings, signal: AbortSignal): Promise<readonly Task[]> {
  const place = { client, bucket: settings.bucket, amazon: settings.bucketEndpoint === undefined, signal }
  const bucket = await bucketTask(place, 'PDVEND_JOBS_BUCKET', fail)
  if (bucket.step.change === 'refuse') return [bucket]
  return [bucket, await dedupeTask(place, `${settings.bucketPrefix}dedupe/`, bucket.step.change === 'create')]
}

async function dedupeTask(place: BucketPlace, prefix: string, missing: boolean): Promise<Task> {
  const rule: LifecycleRule = {
    ID: `pdvend-dedupe-keys ${prefix}`.slice(0, 255),
    Status: 'Enabled',
    Filter: { Prefix: prefix },
    Expiration: { Days: DEDUPE_DAYS },
    NoncurrentVersionExpiration: { NoncurrentDays: 1 },
  }
  try {
    return await ruleTask(place, missing, {
      rule,
      name: prefix,
      detail: `dedupe keys are removed after ${DEDUPE_DAYS} days`,
      serves: ({ Filter, Expiration }) => Filter?.Prefix === prefix && Expiration !== undefined,
    })
  } catch (cause) {
    // The app looks at its queues at start, and needs no right to read the bucket's rules.
    if ((cause as Error).name !== 'AccessDenied') throw cause
    return { step: { kind: 'lifecycle rule', name: prefix, change: 'keep', detail: 'these credentials may not look at it' } }
  }
}
