import { CreateDeliveryStreamCommand, DescribeDeliveryStreamCommand } from '@aws-sdk/client-firehose'
import { type AdapterDeps, PortError, type ProvisionPlan, type ProvisionStep, sleep } from '@pdvend/ports'
import { firehoseClient } from '../client.js'
import type { Settings } from '../config.js'
import { fail } from '../errors.js'

/** Firehose's smallest age and a size that small shops reach: what is buffered is not yet in the bucket. */
const BUFFERING = { IntervalInSeconds: 60, SizeInMBs: 5 }
const POLL_MS = 1_000

/** Plans the delivery stream: one that takes records from the app and writes them to a bucket, compressed. */
export async function planStream(settings: Settings, { clock, signal }: AdapterDeps): Promise<ProvisionPlan> {
  const { stream, deliveryBucketArn: bucket, deliveryRoleArn: role } = settings
  const client = firehoseClient(settings)
  const look = async (): Promise<{ readonly status?: string; readonly type?: string } | undefined> => {
    try {
      const { DeliveryStreamDescription: found } = await client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: stream }), {
        abortSignal: signal,
      })
      return { status: found?.DeliveryStreamStatus ?? '', type: found?.DeliveryStreamType ?? '' }
    } catch (cause) {
      if ((cause as { name?: unknown }).name === 'ResourceNotFoundException') return undefined
      throw fail('provision', cause, stream)
    }
  }
  const found = await look().catch((error: unknown) => {
    client.destroy()
    throw error
  })
  const step = stepOf(settings, found?.type)
  return {
    steps: [step],
    async apply() {
      if (step.change === 'keep') return
      if (step.change === 'refuse' || bucket === undefined || role === undefined)
        throw new PortError('CONFIG_INVALID', {
          adapter: 'aws-firehose',
          operation: 'provision',
          target: stream,
          detail: step.detail ?? '',
        })
      const command = new CreateDeliveryStreamCommand({
        DeliveryStreamName: stream,
        DeliveryStreamType: 'DirectPut',
        ExtendedS3DestinationConfiguration: {
          BucketARN: bucket,
          RoleARN: role,
          Prefix: `${stream}/!{timestamp:yyyy/MM/dd/HH}/`,
          ErrorOutputPrefix: `${stream}-failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/`,
          BufferingHints: BUFFERING,
          CompressionFormat: 'GZIP',
        },
      })
      await client.send(command, { abortSignal: signal }).catch((cause: unknown) => {
        throw fail('provision', cause, stream)
      })
      while ((await look())?.status !== 'ACTIVE') await sleep(clock, POLL_MS, signal)
    },
    close: async () => client.destroy(),
  }
}

function stepOf({ stream, deliveryBucketArn, deliveryRoleArn }: Settings, type: string | undefined): ProvisionStep {
  const of = { kind: 'delivery stream', name: stream } as const
  if (type === 'DirectPut') return { ...of, change: 'keep' }
  if (type !== undefined) return { ...of, change: 'refuse', detail: `it reads from ${type}: give another PDVEND_TELEMETRY_STREAM` }
  if (deliveryBucketArn === undefined || deliveryRoleArn === undefined)
    return {
      ...of,
      change: 'refuse',
      detail: 'it is not there; set PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN and PDVEND_TELEMETRY_DELIVERY_ROLE_ARN to have it made',
    }
  return {
    ...of,
    change: 'create',
    detail: `to ${deliveryBucketArn}, gzip, every ${BUFFERING.IntervalInSeconds} s or ${BUFFERING.SizeInMBs} MB`,
  }
}
