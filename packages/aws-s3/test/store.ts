import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import type { Engine } from '@pdvend/contract'
import { type AwsProxy, type AwsProxyOptions, startAwsProxy, startEngine } from '@pdvend/engines'

const BUCKET = 'pdvend-contract'
const REGION = 'us-east-1'

/** A bucket on a running engine, as the contract takes it. */
export interface TestStore extends Engine {
  /** A client beside the adapter, straight to the engine. */
  readonly client: S3Client
  readonly bucket: string
  leftovers(): Promise<readonly string[]>
  stop(): Promise<void>
}

/** What {@link startMiniStack} and {@link startMinio} will be able to do, to name the cases before they run. */
export const abilities: Engine = {
  name: 'S3',
  env: {},
  module: new URL('../dist/index.js', import.meta.url).href,
  leftovers: async () => [],
}

/** MiniStack behind our proxy, which checks signatures and limits as AWS does, where MiniStack does not. */
export async function startMiniStack(options: Partial<AwsProxyOptions> = {}): Promise<TestStore & { readonly proxy: AwsProxy }> {
  const engine = await startEngine('ministack', { named: false })
  // MiniStack knows this pair alone where it looks at all, which is in a signed URL.
  const key = { accessKeyId: 'test', secretAccessKey: 'test' }
  const proxy = await startAwsProxy({
    service: 's3',
    target: engine.url,
    credentials: { [key.accessKeyId]: key.secretAccessKey },
    ...options,
  })
  // MiniStack takes the CRC-32 of a whole multipart upload for one of its parts' checksums.
  const env = { PDVEND_BLOB_CHECKSUMS: 'parts' }
  const store = await makeStore('MiniStack', engine.version, { origin: engine.url, seen: proxy.url, ...key }, env)
  return {
    ...store,
    proxy,
    async stop() {
      await store.stop()
      await proxy.stop()
      await engine.stop()
    },
  }
}

/** MinIO, a store of the real world: with signatures and checksums of its own, and folders under it. */
export async function startMinio(): Promise<TestStore> {
  const engine = await startEngine('minio')
  const { origin, username, password } = new URL(engine.url)
  const store = await makeStore('MinIO', engine.version, { origin, seen: origin, accessKeyId: username, secretAccessKey: password }, {})
  return { ...store, stop: () => store.stop().then(() => engine.stop()) }
}

interface Address {
  readonly origin: string
  /** What the adapter is given. */
  readonly seen: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

async function makeStore(name: string, version: string, address: Address, env: Readonly<Record<string, string>>): Promise<TestStore> {
  const { origin, seen, ...credentials } = address
  const client = new S3Client({ endpoint: origin, region: REGION, forcePathStyle: true, credentials })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET })).catch((cause: unknown) => {
    if ((cause as Error).name !== 'BucketAlreadyOwnedByYou') throw cause
  })
  return {
    ...abilities,
    name,
    version,
    client,
    bucket: BUCKET,
    env: {
      PDVEND_BLOB_BUCKET: BUCKET,
      PDVEND_BLOB_REGION: REGION,
      PDVEND_BLOB_ENDPOINT: seen,
      PDVEND_BLOB_ACCESS_KEY: credentials.accessKeyId,
      PDVEND_BLOB_SECRET_KEY: credentials.secretAccessKey,
      ...env,
    },
    async leftovers() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
      return Uploads.map(({ Key }) => `an upload to ${Key}`)
    },
    stop: async () => client.destroy(),
  }
}
