import { gunzipSync } from 'node:zlib'
import { type Allowed, type AwsProxy, startAwsProxy } from './aws-proxy/index.js'
import { type IotAuthorizer, type IotBridge, startIotBridge } from './iot-bridge/index.js'
import { startEngine, whyMissing } from './launch.js'

const ENGINES = ['ministack', 'mosquitto', 'postgres'] as const
const ACCOUNT = '000000000000'
const REGION = 'us-east-1'
/** MiniStack knows this pair alone. */
const KEY = 'test'

export interface AwsHomeOptions {
  /** What lets devices into IoT, under the name `pdvend`. */
  readonly authorizer: IotAuthorizer
  /** Beginning of the names of buckets and stream. Default `pdv`. */
  readonly name?: string
}

/** All that the profile `aws` needs, behind proxies that have the limits, signatures and policies of AWS. Nothing is provisioned. */
export interface AwsHome extends AsyncDisposable {
  /** Settings of all four ports. */
  readonly env: Readonly<Record<string, string>>
  /** S3 of blobs and jobs, SQS, Firehose. */
  readonly proxies: { readonly [Service in 's3' | 'sqs' | 'firehose']: AwsProxy }
  readonly bridge: IotBridge
  /** From now on what these allow, at every service, and nothing else; without them everything. */
  allow(permissions?: readonly Allowed[]): void
  /** The lines of all objects in the bucket to which the stream delivers: one envelope each. */
  delivered(): Promise<readonly Uint8Array[]>
}

/** Why this machine cannot have it; undefined: it can. */
export async function whyNoAwsHome(): Promise<string | undefined> {
  for (const name of ENGINES) {
    const reason = await whyMissing(name, { named: false })
    if (reason !== undefined) return reason
  }
  return undefined
}

/**
 * AWS on this machine: MiniStack for S3, SQS and Firehose, the bridge for IoT, PostgreSQL for the push journal. The bucket to which
 * the stream will deliver is there, as it is for whoever has a warehouse.
 */
export async function startAwsHome({ authorizer, name = 'pdv' }: AwsHomeOptions): Promise<AwsHome> {
  const authorizers = { pdvend: authorizer }
  const [ministack, database, bridge] = await Promise.all([
    startEngine('ministack', { named: false }),
    startEngine('postgres', { named: false }),
    // AWS waits longer than tests can: a keep-alive of 30 seconds at least.
    startIotBridge({ authorizers, region: REGION, account: ACCOUNT, limits: { leastKeepAliveSeconds: 1 } }),
  ])
  const proxy = (service: 's3' | 'sqs' | 'firehose'): Promise<AwsProxy> =>
    startAwsProxy({ service, target: ministack.url, credentials: { [KEY]: KEY }, account: ACCOUNT })
  const proxies = { s3: await proxy('s3'), sqs: await proxy('sqs'), firehose: await proxy('firehose') }
  const keys = (port: string) => ({
    [`PDVEND_${port}_REGION`]: REGION,
    [`PDVEND_${port}_ACCESS_KEY`]: KEY,
    [`PDVEND_${port}_SECRET_KEY`]: KEY,
  })
  const delivery = new URL(`/${name}-delivery`, ministack.url)
  await fetch(delivery, { method: 'PUT' })
  return {
    env: {
      PDVEND_PROFILE: 'aws',
      ...keys('BLOB'),
      // MiniStack takes the CRC-32 of a whole multipart upload for one of its parts' checksums.
      PDVEND_BLOB_CHECKSUMS: 'parts',
      PDVEND_BLOB_ENDPOINT: proxies.s3.url,
      PDVEND_BLOB_BUCKET: `${name}-shop`,
      PDVEND_BLOB_ACCOUNT: ACCOUNT,
      ...keys('JOBS'),
      PDVEND_JOBS_ACCOUNT: ACCOUNT,
      PDVEND_JOBS_ENDPOINT: proxies.sqs.url,
      PDVEND_JOBS_BUCKET: `${name}-jobs`,
      PDVEND_JOBS_BUCKET_ENDPOINT: proxies.s3.url,
      PDVEND_JOBS_POLL_SECONDS: '1',
      ...keys('TELEMETRY'),
      PDVEND_TELEMETRY_ENDPOINT: proxies.firehose.url,
      PDVEND_TELEMETRY_STREAM: `${name}-telemetry`,
      PDVEND_TELEMETRY_ACCOUNT: ACCOUNT,
      PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN: `arn:aws:s3:::${name}-delivery`,
      PDVEND_TELEMETRY_DELIVERY_ROLE_ARN: `arn:aws:iam::${ACCOUNT}:role/${name}-firehose`,
      ...database.env,
      ...bridge.env,
    },
    proxies,
    bridge,
    allow(permissions) {
      for (const one of Object.values(proxies)) one.allow(permissions)
      const statements = permissions?.map(({ actions, resources }) => ({ Effect: 'Allow' as const, Action: actions, Resource: resources }))
      const policy = statements === undefined ? {} : { policy: { Version: '2012-10-17', Statement: statements } }
      bridge.admit({ accessKeyId: KEY, secretAccessKey: KEY, ...policy })
    },
    delivered: () => linesIn(delivery),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(proxies).map((one) => one.stop()))
      await Promise.all([bridge.stop(), database.stop(), ministack.stop()])
    },
  }
}

/** MiniStack asks nobody who he is. */
async function linesIn(bucket: URL): Promise<readonly Uint8Array[]> {
  const lines: Uint8Array[] = []
  for (let after = '', more = true; more;) {
    const page = await (await fetch(`${bucket}?list-type=2&start-after=${encodeURIComponent(after)}`)).text()
    const keys = [...page.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key!)
    for (const key of keys) lines.push(...linesOf(new Uint8Array(await (await fetch(`${bucket}/${encodeURI(key)}`)).arrayBuffer())))
    after = keys.at(-1) ?? after
    more = page.includes('<IsTruncated>true') && keys.length > 0
  }
  return lines
}

function linesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : Buffer.from(bytes)
  return text
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line))
}
