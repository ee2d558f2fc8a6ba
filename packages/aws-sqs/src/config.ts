import { env, secret, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'
import { MAX_MESSAGE_BYTES, MAX_WAIT_SECONDS } from './limits.js'

const endpoint = z.url({ protocol: /^https?$/ }).optional()

const wholeNumber = (from: number, to: number, fallback: number) => z.coerce.number().int().min(from).max(to).default(fallback)

/** The settings of the adapter `aws-sqs`; region and credentials that are not given here come by the SDK's own chain. */
export const config = {
  prefix: env(
    'JOBS_PREFIX',
    z
      .string()
      .regex(/^[a-zA-Z0-9_-]{1,40}$/, 'use 1 to 40 of a-z A-Z 0-9 _ -')
      .default('pdvend-'),
    { doc: "Beginning of the name of every job's queues, so that apps can share an account; default pdvend-", example: 'loja-17-' },
  ),
  bucket: env('JOBS_BUCKET', z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'give 3 to 63 of a-z 0-9 . -'), {
    doc: 'Bucket that remembers what SQS cannot: dead letters, dedupe keys, large payloads; may be that of the blobs',
    example: 'pdv-notas',
  }),
  bucketPrefix: env(
    'JOBS_BUCKET_PREFIX',
    z
      .string()
      .regex(/^[a-zA-Z0-9._/-]{1,200}\/$/, 'use 1 to 200 of a-z A-Z 0-9 . _ / - and end it with /')
      .default('pdvend-jobs/'),
    { doc: 'Beginning of the keys in that bucket; default pdvend-jobs/', example: 'loja-17/jobs/' },
  ),
  region: env('JOBS_REGION', z.string().min(1).optional(), {
    doc: 'Region of the queues and of the bucket; default: AWS_REGION, or that of the AWS profile',
    example: 'sa-east-1',
  }),
  account: env(
    'JOBS_ACCOUNT',
    z
      .string()
      .regex(/^\d{12}$/, 'give the 12 digits of an AWS account')
      .optional(),
    {
      doc: 'AWS account of the queues, for the policies that are printed; default: any',
      example: '123456789012',
    },
  ),
  endpoint: env('JOBS_ENDPOINT', endpoint, {
    doc: 'Address of a VPC endpoint of SQS, or of another service that speaks its protocol; default: that of AWS in the region',
    example: 'https://vpce-0a1b2c.sqs.sa-east-1.vpce.amazonaws.com',
  }),
  bucketEndpoint: env('JOBS_BUCKET_ENDPOINT', endpoint, {
    doc: 'Address of another store that speaks S3, or of a VPC endpoint; default: that of AWS in the region',
    example: 'https://s3.example.com',
  }),
  accessKey: env('JOBS_ACCESS_KEY', z.string().min(1).optional(), {
    doc: "Access key id; default: the SDK's chain (environment, profile, web identity, container, instance role)",
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  secretKey: secret('JOBS_SECRET_KEY', { doc: 'Secret access key that belongs to PDVEND_JOBS_ACCESS_KEY' }),
  offloadBytes: env('JOBS_OFFLOAD_BYTES', wholeNumber(1_024, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES), {
    doc: 'A job above it, in bytes, leaves its payload in the bucket, since every 64 KiB of a message are billed as a request; default 1048576, the most that SQS takes',
    example: '262144',
  }),
  pollSeconds: env('JOBS_POLL_SECONDS', wholeNumber(1, MAX_WAIT_SECONDS, MAX_WAIT_SECONDS), {
    doc: 'Longest poll of an empty queue, in seconds: shorter ones cost more requests, and closing waits for the last one; default 20',
    example: '20',
  }),
  requestTimeoutMs: env('JOBS_REQUEST_TIMEOUT_MS', wholeNumber(1, 3_600_000, 10_000), {
    doc: 'Longest wait for one answer, in milliseconds, beyond the wait for jobs itself; default 10000',
    example: '10000',
  }),
}

export type Settings = SettingsOf<typeof config>
