import { arn, partitionOf, type Permission, type ProvisionResources } from '@pdvend/ports'
import type { Settings } from './config.js'
import { queueName, type QueueRole } from './queues.js'

/** Also of a job without a key: a worker asks for its FIFO queue, and SQS denies where it may not say that there is none. */
const ROLES: readonly QueueRole[] = ['jobs', 'later', 'dead', 'keyed', 'keyedDead']

/**
 * The rights of the running app, on the queues of its jobs; on all of the prefix where no jobs are named. A key of KMS's own, on
 * queues or bucket, needs `kms:Decrypt` and `kms:GenerateDataKey` beside, which the settings do not tell.
 */
export function permissionsOf(settings: Settings, { jobs }: ProvisionResources): readonly Permission[] {
  const { prefix, region, account, bucket, bucketPrefix } = settings
  const names = jobs.flatMap(({ name }) => ROLES.map((role) => queueName(prefix, name, role)))
  const bucketArn = `arn:${partitionOf(region)}:s3:::${bucket}`
  return [
    {
      reason: 'send receive settle and count jobs',
      actions: [
        'sqs:GetQueueUrl',
        'sqs:GetQueueAttributes',
        'sqs:SendMessage',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
      ],
      resources: (names.length === 0 ? [`${prefix}*`] : names).map((name) => arn('sqs', { region, account }, name)),
    },
    { reason: 'find all queues of the prefix', actions: ['sqs:ListQueues'], resources: ['*'] },
    // Without a condition on the prefix: by that S3 would answer 403, not 404, to who reads a key that is not there.
    { reason: 'find the bucket and list what it keeps of jobs', actions: ['s3:ListBucket'], resources: [bucketArn] },
    {
      reason: 'keep dead letters dedupe keys payloads and notes',
      actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      resources: [`${bucketArn}/${bucketPrefix}*`],
    },
  ]
}
