import { gunzipSync } from 'node:zlib'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import type { Engine } from '@pdvend/contract'
import { startEngine } from '@pdvend/engines'
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
    storedEvents: (type) => storedEvents(s3, type),
    stop: async () => {
      s3.destroy()
      await ministack.stop()
    },
  }
}

/** What `pdvend provision --apply` does. */
async function provision(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
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

async function storedEvents(s3: S3Client, type: string): Promise<readonly TelemetryRow[]> {
  const rows: TelemetryRow[] = []
  let token: string | undefined
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }))
    for (const { Key } of page.Contents ?? []) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))
      const bytes = await Body!.transformToByteArray()
      const lines = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
      for (const line of unpack(lines)) {
        const { id, type: of, time, subject, data, context } = decodeEnvelope(line)
        if (of === type)
          rows.push({ id, type: of, at: time, ...(subject === undefined ? {} : { key: subject }), data, context: { ...context } })
      }
    }
    token = page.NextContinuationToken
  } while (token !== undefined)
  return rows
}
