import { env, secret, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'
import { MAX_RECORD_BYTES } from './limits.js'

const MIN_RECORD_BYTES = 5_000

/** The settings of the adapter `aws-firehose`; region and credentials that are not given here come by the SDK's own chain. */
export const config = {
  stream: env('TELEMETRY_STREAM', z.string().regex(/^[\w.-]{1,64}$/, 'give 1 to 64 of A-Z a-z 0-9 _ . -'), {
    doc: 'Delivery stream that takes the events',
    example: 'pdv-telemetry',
  }),
  region: env('TELEMETRY_REGION', z.string().min(1).optional(), {
    doc: 'Region of the stream; default: AWS_REGION, or that of the AWS profile',
    example: 'sa-east-1',
  }),
  account: env(
    'TELEMETRY_ACCOUNT',
    z
      .string()
      .regex(/^\d{12}$/, 'give the 12 digits of an AWS account')
      .optional(),
    {
      doc: 'AWS account that must own the stream, looked at when it is opened; default: not asked',
      example: '123456789012',
    },
  ),
  endpoint: env('TELEMETRY_ENDPOINT', z.url({ protocol: /^https?$/ }).optional(), {
    doc: 'Address of a VPC endpoint, or of another service that speaks the protocol; default: that of AWS in the region',
    example: 'https://vpce-0a1b2c.firehose.sa-east-1.vpce.amazonaws.com',
  }),
  accessKey: env('TELEMETRY_ACCESS_KEY', z.string().min(1).optional(), {
    doc: "Access key id; default: the SDK's chain (environment, profile, web identity, container, instance role)",
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  secretKey: secret('TELEMETRY_SECRET_KEY', { doc: 'Secret access key that belongs to PDVEND_TELEMETRY_ACCESS_KEY' }),
  recordBytes: env('TELEMETRY_RECORD_BYTES', z.coerce.number().int().min(MIN_RECORD_BYTES).max(MAX_RECORD_BYTES).default(256_000), {
    doc: 'Events are packed into records of at most so many bytes, since each record is billed in steps of 5 KB; default 256000',
    example: '256000',
  }),
  requestTimeoutMs: env('TELEMETRY_REQUEST_TIMEOUT_MS', z.coerce.number().int().min(1).max(3_600_000).default(10_000), {
    doc: 'Longest wait for one answer, in milliseconds; default 10000',
    example: '10000',
  }),
  deliveryBucketArn: env(
    'TELEMETRY_DELIVERY_BUCKET_ARN',
    z
      .string()
      .regex(/^arn:aws[\w-]*:s3:::[a-z0-9][a-z0-9.-]+$/, 'give the ARN of a bucket')
      .optional(),
    {
      doc: 'Bucket that `pdvend provision` lets a new stream deliver to; not needed for a stream that is there',
      example: 'arn:aws:s3:::pdv-telemetry',
    },
  ),
  deliveryRoleArn: env(
    'TELEMETRY_DELIVERY_ROLE_ARN',
    z
      .string()
      .regex(/^arn:aws[\w-]*:iam::\d{12}:role\/.+$/, 'give the ARN of a role')
      .optional(),
    {
      doc: 'Role by which a new stream may write to that bucket; not needed for a stream that is there',
      example: 'arn:aws:iam::123456789012:role/pdv-firehose',
    },
  ),
}

export type Settings = SettingsOf<typeof config>
