import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { Fail, ProvisionStep } from '@pdvend/ports'

/** A step of a plan and what carries it out. */
export interface Task {
  readonly step: ProvisionStep
  apply?(): Promise<void>
}

/** A bucket to provision. */
export interface BucketPlace {
  readonly client: S3Client
  readonly bucket: string
  /** Is it S3 itself? Another store is told no region. */
  readonly amazon: boolean
  readonly signal: AbortSignal
}

/**
 * The bucket itself: made where it is missing, refused where it is in another region or not open to these credentials.
 * `variable`: the setting that names it, e.g. `PDVEND_JOBS_BUCKET`. @throws what `fail` makes of any other answer
 */
export async function bucketTask(place: BucketPlace, variable: string, fail: Fail): Promise<Task> {
  const { client, bucket: Bucket, amazon, signal: abortSignal } = place
  const step = (change: ProvisionStep['change'], detail?: string): ProvisionStep => ({
    kind: 'bucket',
    name: Bucket,
    change,
    ...(detail === undefined ? {} : { detail }),
  })
  const error = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 }), { abortSignal }).then(
    () => undefined,
    (cause: unknown) => fail('provision', cause, Bucket),
  )
  if (error === undefined) return { step: step('keep') }
  if (error.code === 'PERMISSION_DENIED')
    return {
      step: step('refuse', `it is there and not open to these credentials: it may be another account’s; choose another ${variable}`),
    }
  if (error.code === 'CONFIG_INVALID') return { step: step('refuse', error.detail) }
  if (nameOf(error.cause) !== 'NoSuchBucket') throw error
  const region = await client.config.region()
  // us-east-1 is the one region that may not be named.
  const location =
    region === 'us-east-1' || !amazon ? {} : { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } }
  return {
    step: step('create', `in region ${region}`),
    async apply() {
      await client.send(new CreateBucketCommand({ Bucket, ...location }), { abortSignal }).catch((cause: unknown) => {
        if (nameOf(cause) !== 'BucketAlreadyOwnedByYou') throw cause
      })
    },
  }
}

/** A lifecycle rule, as the store takes it and as a plan shows it. */
export interface WantedRule {
  readonly rule: LifecycleRule
  readonly name: string
  readonly detail: string
  /** Does a rule that is there, and enabled, do the same? */
  serves(rule: LifecycleRule): boolean
}

/** A rule of the bucket; those of others stay. `missing`: the bucket is yet to be made. @throws what the store answers */
export async function ruleTask(place: BucketPlace, missing: boolean, { rule, name, detail, serves }: WantedRule): Promise<Task> {
  const { client, bucket: Bucket, signal: abortSignal } = place
  const step = { kind: 'lifecycle rule', name, detail } as const
  const read = async (): Promise<readonly LifecycleRule[] | undefined> => {
    const command = new GetBucketLifecycleConfigurationCommand({ Bucket })
    const found = await client.send(command, { abortSignal }).catch(absent('NoSuchLifecycleConfiguration'))
    return found === 'unknown' ? undefined : (found?.Rules ?? [])
  }
  // Read again: another port's provisioning may have added a rule to the same bucket since the plan was made.
  const apply = async (): Promise<void> => {
    const others = await read()
    if (others === undefined) return
    const Rules = [...others.filter(({ ID }) => ID !== rule.ID), rule]
    const command = new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } })
    await client.send(command, { abortSignal }).catch(unlessUnknown)
  }
  if (missing) return { step: { ...step, change: 'create' }, apply }
  const found = await read()
  if (found === undefined) return { step: { ...step, change: 'keep', detail: 'this store has none' } }
  const served = found.some((each) => each.Status === 'Enabled' && serves(each))
  return served ? { step: { ...step, change: 'keep' } } : { step: { ...step, change: 'create' }, apply }
}

/** What S3 has and other stores may not: refused as unknown, or as XML that they do not understand. */
const UNKNOWN = new Set(['NotImplemented', 'MalformedXML', 'InvalidArgument', 'MethodNotAllowed', 'XNotImplemented'])

/** Lets pass that the store does not know what it was asked for. */
export function unlessUnknown(cause: unknown): void {
  if (!UNKNOWN.has(nameOf(cause) ?? '')) throw cause
}

/** For what a bucket may not have been given yet: `name` is how S3 says so. `unknown`: the store has nothing of the kind. */
export function absent(name: string): (cause: unknown) => undefined | 'unknown' {
  return (cause) => {
    if (nameOf(cause) === name) return undefined
    unlessUnknown(cause)
    return 'unknown'
  }
}

function nameOf(cause: unknown): string | undefined {
  return (cause as { readonly name?: string } | undefined)?.name
}
