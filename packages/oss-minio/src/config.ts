import { env, secret, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'

const flag = (fallback: boolean) => z.stringbool().default(fallback)
const milliseconds = (fallback: number) => z.coerce.number().int().min(1).default(fallback)

/** S3's smallest part but for the last. */
const MIN_PART_BYTES = 5 * 1_048_576

const origin = z
  .string()
  .refine((text) => URL.canParse(text) && isOrigin(new URL(text)), 'give http:// or https://, a host and a port, with nothing behind it')
  .transform((text) => new URL(text))

/** The settings of the adapter `oss-minio`. */
export const config = {
  endpoint: env('BLOB_ENDPOINT', origin, { doc: 'Address of the store, without the bucket', example: 'https://minio.loja.example:9000' }),
  bucket: env('BLOB_BUCKET', z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'give 3 to 63 of a-z 0-9 . -'), {
    doc: 'Bucket that holds the blobs; `pdvend provision` makes it',
    example: 'pdv-notas',
  }),
  region: env('BLOB_REGION', z.string().min(1).default('us-east-1'), {
    doc: 'Region that requests are signed for; default us-east-1',
    example: 'us-east-1',
  }),
  pathStyle: env('BLOB_PATH_STYLE', flag(true), {
    doc: 'true: the bucket stands in the path (default). false: in the host name, which the DNS must know',
    example: 'true',
  }),
  accessKey: env('BLOB_ACCESS_KEY', z.string().min(1), { doc: 'Access key of the store', example: 'pdv-app' }),
  secretKey: secret('BLOB_SECRET_KEY', { doc: 'Secret of the access key' }),
  uploadAccessKey: env('BLOB_UPLOAD_ACCESS_KEY', z.string().min(1).optional(), {
    doc: 'Access key that signs uploads, one that may only write; default: the app’s own',
    example: 'pdv-upload',
  }),
  uploadSecretKey: secret('BLOB_UPLOAD_SECRET_KEY', { doc: 'Secret of the access key that signs uploads' }),
  publicUrl: env('BLOB_PUBLIC_URL', origin.optional(), {
    doc: 'Address of the store as browsers reach it, for signed URLs; default: the endpoint',
    example: 'https://arquivos.loja.example',
  }),
  caFile: env('BLOB_CA_FILE', z.string().min(1).optional(), {
    doc: 'PEM file with the certificates to trust instead of the system’s',
    example: '/etc/pdvend/store-ca.pem',
  }),
  allowPlainText: env('BLOB_ALLOW_PLAIN_TEXT', flag(false), {
    doc: 'true: http:// is allowed to an address that is not loopback; whoever listens then reads every blob; default false',
    example: 'true',
  }),
  names: env('BLOB_NAMES', z.enum(['auto', 'plain', 'escaped']).default('auto'), {
    doc: 'How keys are named in a new bucket: auto (default) by what the store can keep, plain, or escaped; it stays for good',
    example: 'auto',
  }),
  partBytes: env('BLOB_PART_BYTES', z.coerce.number().int().min(MIN_PART_BYTES).max(1_073_741_824).default(8_388_608), {
    doc: 'Bodies above it are sent in parts of this size, in bytes; 5 MiB to 1 GiB, default 8388608',
    example: '8388608',
  }),
  partsAtOnce: env('BLOB_PARTS_AT_ONCE', z.coerce.number().int().min(1).max(64).default(4), {
    doc: 'Parts of one write that are in memory at once; default 4',
    example: '4',
  }),
  connections: env('BLOB_CONNECTIONS', z.coerce.number().int().min(1).default(256), {
    doc: 'Connections to the store at once; further calls wait; default 256',
    example: '256',
  }),
  connectTimeoutMs: env('BLOB_CONNECT_TIMEOUT_MS', milliseconds(5_000), {
    doc: 'Longest wait for a connection, its TLS included, in milliseconds; default 5000',
    example: '5000',
  }),
  idleTimeoutMs: env('BLOB_IDLE_TIMEOUT_MS', milliseconds(20_000), {
    doc: 'Longest silence of the store while it is expected to take or give bytes, in milliseconds; default 20000',
    example: '20000',
  }),
  probeMaxAgeMs: env('BLOB_PROBE_MAX_AGE_MS', z.coerce.number().int().min(0).default(604_800_000), {
    doc: 'How old a measurement of the store may be before it is made again, in milliseconds; default 604800000 (a week)',
    example: '604800000',
  }),
  sweepAfterMs: env('BLOB_SWEEP_AFTER_MS', z.coerce.number().int().min(0).default(86_400_000), {
    doc: 'How old an unfinished multipart upload may be before it is removed at start, in milliseconds; default 86400000 (a day)',
    example: '86400000',
  }),
}

export type Settings = SettingsOf<typeof config>

function isOrigin({ protocol, pathname, search, hash, username, hostname }: URL): boolean {
  return /^https?:$/.test(protocol) && hostname !== '' && pathname === '/' && search === '' && hash === '' && username === ''
}
