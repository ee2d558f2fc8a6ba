import { manifest as jobs } from '@pdvend/oss-kafka/jobs'
import { manifest as telemetry } from '@pdvend/oss-kafka/telemetry'
import { manifest as push } from '@pdvend/oss-emq'
import { manifest as blob } from '@pdvend/oss-minio'
import type { Profile } from '@pdvend/ports'

/** Said by name, so that the published type leads to the adapters and not to what their settings are made of. */
export interface Onprem extends Profile {
  readonly blob: typeof blob
  readonly jobs: typeof jobs
  readonly push: typeof push
  readonly telemetry: typeof telemetry
}

/** The home on your own machines: an S3-compatible store, Apache Kafka, an MQTT broker. Loads no vendor's code before it is started. */
export const onprem: Onprem = { blob, jobs, push, telemetry }
