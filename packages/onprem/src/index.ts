import { manifest as jobs } from '@pdvend/oss-kafka/jobs'
import { manifest as telemetry } from '@pdvend/oss-kafka/telemetry'
import { manifest as push } from '@pdvend/oss-emq'
import { manifest as blob } from '@pdvend/oss-minio'
import type { Profile } from '@pdvend/ports'

/** The home on your own machines: an S3-compatible store, Apache Kafka, an MQTT broker. Loads no vendor's code before it is started. */
export const onprem = { blob, jobs, push, telemetry } as const satisfies Profile
