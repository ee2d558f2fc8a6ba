import { env, secret, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'

/** S3's smallest part but the last, in bytes. */
const MIN_PART_BYTES = 5 * 1_048_576

const endpoint = z
  .string()
  .refine(isPlainUrl, 'give an http(s) URL without user, query or fragment')
  .transform((text) => text.replace(/\/+$/, ''))

const wholeNumber = (from: number, to: number, fallback: number) => z.coerce.number().int().min(from).max(to).default(fallback)

/** The settings of the adapter `aws-s3`; region and credentials that are not given here come by the SDK's own chain. */
export const config = {
  bucket: env('BLOB_BUCKET', z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'give 3 to 63 of a-z 0-9 . -'), {
    doc: 'Bucket that holds the blobs',
    example: 'pdv-notas',
  }),
  region: env('BLOB_REGION', z.string().min(1).optional(), {
    doc: 'Region of the bucket; default: AWS_REGION, or that of the AWS profile',
    example: 'sa-east-1',
  }),
  account: env(
    'BLOB_ACCOUNT',
    z
      .string()
      .regex(/^\d{12}$/, 'give the 12 digits of an AWS account')
      .optional(),
    {
      doc: 'AWS account that must own the bucket: S3 refuses each request to a bucket of another; default: not asked',
      example: '123456789012',
    },
  ),
  endpoint: env('BLOB_ENDPOINT', endpoint.optional(), {
    doc: 'Address of another store that speaks S3, or of a VPC endpoint; default: that of AWS in the region',
    example: 'https://s3.example.com',
  }),
  publicEndpoint: env('BLOB_PUBLIC_ENDPOINT', endpoint.optional(), {
    doc: 'Address under which browsers reach the store, for signed URLs, whose host is signed; default: PDVEND_BLOB_ENDPOINT',
    example: 'https://files.example.com',
  }),
  pathStyle: env('BLOB_PATH_STYLE', z.stringbool().optional(), {
    doc: 'Whether the bucket stands in the path instead of the host name; default: true where PDVEND_BLOB_ENDPOINT is given',
    example: 'true',
  }),
  accessKey: env('BLOB_ACCESS_KEY', z.string().min(1).optional(), {
    doc: "Access key id; default: the SDK's chain (environment, profile, web identity, container, instance role)",
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  secretKey: secret('BLOB_SECRET_KEY', { doc: 'Secret access key that belongs to PDVEND_BLOB_ACCESS_KEY' }),
  checksums: env('BLOB_CHECKSUMS', z.enum(['whole', 'parts', 'md5']).default('whole'), {
    doc: 'whole (default): CRC-32 of every request and of the whole blob; parts: for stores that know no full-object CRC-32 of a multipart upload; md5: for stores that know no CRC-32 at all, Content-MD5 alone',
    example: 'whole',
  }),
  partBytes: env('BLOB_PART_BYTES', wholeNumber(MIN_PART_BYTES, 5 * 1_024 ** 3, 8 * 1_048_576), {
    doc: 'A body above it is sent in parts of so many bytes; 10,000 parts bound a body of unknown length; default 8388608',
    example: '8388608',
  }),
  partsAtOnce: env('BLOB_PARTS_AT_ONCE', wholeNumber(1, 64, 4), {
    doc: 'Parts of one body that are in memory and under way at once; default 4',
    example: '4',
  }),
  maxSockets: env('BLOB_MAX_SOCKETS', wholeNumber(2, 10_000, 64), {
    doc: 'Connections at once; default 64',
    example: '64',
  }),
  requestTimeoutMs: env('BLOB_REQUEST_TIMEOUT_MS', wholeNumber(1, 3_600_000, 10_000), {
    doc: 'Longest silence of the store, in milliseconds, before a request or a body counts as lost; default 10000',
    example: '10000',
  }),
  sweepAfterMs: env('BLOB_SWEEP_AFTER_MS', z.coerce.number().int().min(0).optional(), {
    doc: 'At start, abort multipart uploads of this bucket that began so many milliseconds ago, for stores without the lifecycle rule that provision sets; default: never',
    example: '86400000',
  }),
}

export type Settings = SettingsOf<typeof config>

/** Is it S3 itself, under any of its host names, and not another store that speaks its protocol? */
export function isAmazon({ endpoint: address }: Settings): boolean {
  return address === undefined || /\.amazonaws\.com(?:\.cn)?$/.test(new URL(address).hostname)
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && search === '' && hash === ''
}
