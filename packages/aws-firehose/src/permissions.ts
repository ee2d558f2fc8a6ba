import { arn, type Permission } from '@pdvend/ports'
import type { Settings } from './config.js'

/** The calls of the driver. */
export function permissionsOf(settings: Settings): readonly Permission[] {
  const resources = [streamArn(settings)]
  return [
    { reason: 'send events', actions: ['firehose:PutRecordBatch'], resources },
    { reason: 'see that the stream is there and active', actions: ['firehose:DescribeDeliveryStream'], resources },
  ]
}

/** What to allow when Firehose denied a call. */
export function toAllow(action: string, settings: Settings): string {
  return `allow ${action} on ${streamArn(settings)} to these credentials`
}

/** A stream delivers by a role of its own account, so that the role tells the account, too. */
function streamArn({ region, account, deliveryRoleArn, stream }: Settings): string {
  return arn('firehose', { region, account: account ?? deliveryRoleArn?.split(':')[4] }, `deliverystream/${stream}`)
}
