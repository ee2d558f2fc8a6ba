import { gunzipSync } from 'node:zlib'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import type { Engine } from '@pdvend/contract'
import { type AwsProxy, type AwsProxyOptions, startAwsProxy, startEngine } from '@pdvend/engines'
import { decodeEnvelope, readSettings, silentLogger, systemClock, type TelemetryRow } from '@pdvend/ports'
import { unpack } from '../src/codec.js'
import { manifest } from '../src/index.js'

const bucket = 'pdv-telemetry'

/** The settings of an app whose stream is on the emulator at `endpoint`. */
function settingsAt(endpoint: string, stream = 'pdv-telemetry'): Readonly<Record<string, string>> {
  return {
    PDVEND_TELEMETRY_STREAM: stream,
    PDVEND_TELEMETRY_ENDPOINT: endpoint,
    PDVEND_TELEMETRY_REGION: 'us-east-1',
    PDVEND_TELEMETRY_ACCESS_KEY: 'test',
    PDVEND_TELEMETRY_SECRET_KEY: 'test',
    PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN: `arn:aws:s3:::${bucket}`,
    PDVEND_TELEMETRY_DELIVERY_ROLE_ARN: 'arn:aws:iam::123456789012:role/pdv-firehose',
  }
}

/** MiniStack with a stream that delivers to its S3, made as `pdvend provision` makes it; what is stored is read from the bucket. */
export async function firehoseEngine(): Promise<Engine> {
  const ministack = await startEngine('ministack')
  const endpoint = new URL(ministack.url).origin
  const s3 = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  const read = new Map<string, readonly TelemetryRow[]>()
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  const env = settingsAt(endpoint)
  await provision(env)
  const { restart: _restart, kill: _kill, wipe: _wipe, ...rest } = ministack
  return {
    ...rest,
    name: ministack.name,
    version: ministack.version,
    env,
    clock: 'fake',
    module: new URL('../dist/index.js', import.meta.url).href,
    storedEvents: async (type) => (await storedEvents(s3, read)).filter((row) => row.type === type),
    stop: async () => {
      s3.destroy()
      await ministack.stop()
    },
  }
}

/** The same behind our proxy, which has the limits, the signatures and the faults of AWS. */
export async function proxiedFirehose(options: Partial<AwsProxyOptions> = {}): Promise<Engine & { readonly proxy: AwsProxy }> {
  const engine = await firehoseEngine()
  const target = engine.env.PDVEND_TELEMETRY_ENDPOINT!
  const proxy = await startAwsProxy({ service: 'firehose', target, credentials: { test: 'test' }, ...options })
  return {
    ...engine,
    env: { ...engine.env, PDVEND_TELEMETRY_ENDPOINT: proxy.url },
    proxy,
    stop: async () => {
      await proxy.stop()
      await engine.stop?.()
    },
  }
}

/** What `pdvend provision --apply` does. */
export async function provision(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const read = await readSettings(manifest.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
  const plan = await manifest.provision!(read.settings, { jobs: [] }, deps)
  try {
    await plan.apply()
    return plan.steps.map(({ change }) => change)
  } finally {
    await plan.close()
  }
}

/** Every event of the bucket, as often as it is there; an object, which never changes, is read once. */
async function storedEvents(s3: S3Client, read: Map<string, readonly TelemetryRow[]>): Promise<readonly TelemetryRow[]> {
  let token: string | undefined
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }))
    for (const { Key } of page.Contents ?? []) if (!read.has(Key!)) read.set(Key!, await eventsOf(s3, Key!))
    token = page.NextContinuationToken
  } while (token !== undefined)
  return [...read.values()].flat()
}

async function eventsOf(s3: S3Client, Key: string): Promise<readonly TelemetryRow[]> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))
  const bytes = await Body!.transformToByteArray()
  const lines = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
  return unpack(lines).map((line) => {
    const { id, type, time, subject, data, context } = decodeEnvelope(line)
    return { id, type, at: time, ...(subject === undefined ? {} : { key: subject }), data, context: { ...context } }
  })
}
