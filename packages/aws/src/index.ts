import { manifest as telemetry } from '@pdvend/aws-firehose'
import { manifest as push } from '@pdvend/aws-iot'
import { manifest as blob } from '@pdvend/aws-s3'
import { manifest as jobs } from '@pdvend/aws-sqs'
import type { Profile } from '@pdvend/ports'

/** Said by name, so that the published type leads to the adapters and not to what their settings are made of. */
export interface Aws extends Profile {
  readonly blob: typeof blob
  readonly jobs: typeof jobs
  readonly push: typeof push
  readonly telemetry: typeof telemetry
}

/** The home on Amazon's managed services: S3, SQS, IoT Core, Data Firehose. Loads no vendor's code before it is started. */
export const aws: Aws = { blob, jobs, push, telemetry }
