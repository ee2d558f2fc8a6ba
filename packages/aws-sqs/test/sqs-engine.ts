import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { Engine } from '@pdvend/contract'
import { type AwsProxy, type AwsProxyOptions, startAwsProxy, startEngine } from '@pdvend/engines'
import { planQueues } from '../src/provision.js'
import { deps, type Env, settingsOf } from './open.js'

const BUCKET = 'pdvend-jobs'
const REGION = 'us-east-1'
/** MiniStack knows this pair alone. */
const KEY = { accessKeyId: 'test', secretAccessKey: 'test' }

/** Queues and a bucket on running engines, as the contract takes them. */
export interface JobsEngine extends Engine {
  /** In front of SQS. */
  readonly proxy: AwsProxy
  /** In front of the bucket. */
  readonly bucketProxy: AwsProxy
  /** Clients beside the adapter, straight to the engines. */
  readonly sqs: SQSClient
  readonly s3: S3Client
  readonly bucket: string
  /** Of the bucket's engine, past the proxy. */
  readonly bucketUrl: string
  provision(queues: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** What the handles will be able to do. */
export const abilities: Engine = {
  name: 'SQS',
  env: {},
  module: new URL('../dist/index.js', import.meta.url).href,
  restart: async () => {},
}

export interface SqsEngineOptions {
  /** Who serves SQS; the bucket is always on MiniStack. Default `ministack`. */
  readonly sqs?: 'ministack' | 'elasticmq'
  readonly credentials?: AwsProxyOptions['credentials']
}

/** SQS and the bucket behind proxies of ours, which check signatures and limits as AWS does, where the emulators do not. */
export async function startSqs({ sqs: kind = 'ministack', credentials }: SqsEngineOptions = {}): Promise<JobsEngine> {
  const ministack = await startEngine('ministack', { named: false })
  const engine = kind === 'ministack' ? ministack : await startEngine('elasticmq', { named: false })
  const who = credentials ?? { [KEY.accessKeyId]: KEY.secretAccessKey }
  const proxy = await startAwsProxy({ service: 'sqs', target: engine.url, credentials: who })
  const bucketProxy = await startAwsProxy({ service: 's3', target: ministack.url, credentials: who })
  const direct = { region: REGION, credentials: KEY }
  const s3 = new S3Client({ ...direct, endpoint: ministack.url, forcePathStyle: true })
  const sqs = new SQSClient({ ...direct, endpoint: engine.url })
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
  const env = {
    PDVEND_JOBS_BUCKET: BUCKET,
    PDVEND_JOBS_REGION: REGION,
    PDVEND_JOBS_ENDPOINT: proxy.url,
    PDVEND_JOBS_BUCKET_ENDPOINT: bucketProxy.url,
    PDVEND_JOBS_ACCESS_KEY: KEY.accessKeyId,
    PDVEND_JOBS_SECRET_KEY: KEY.secretAccessKey,
    // Closing waits for the last poll, and the cases close often.
    PDVEND_JOBS_POLL_SECONDS: '1',
  }
  const made = new Set<string>()
  return {
    name: engine.name,
    version: engine.version,
    module: abilities.module!,
    env,
    ...{ proxy, bucketProxy, sqs, s3, bucket: BUCKET, bucketUrl: ministack.url },
    // The queues are lost with MiniStack's memory on a kill, and kept by an ordered end.
    restart: () => engine.restart!(),
    async provision(queues) {
      const missing = queues.filter((name) => !made.has(name))
      await provisionQueues(env, missing)
      for (const name of missing) made.add(name)
    },
    async stop() {
      s3.destroy()
      sqs.destroy()
      await proxy.stop()
      await bucketProxy.stop()
      if (engine !== ministack) await engine.stop()
      await ministack.stop()
    },
  }
}

/** Makes the queues of these job names, with and without a key, as `pdvend provision` does. */
export async function provisionQueues(env: Env, names: readonly string[]): Promise<void> {
  const jobs = names.map((name) => ({ name, keyed: true }))
  const plan = await planQueues(await settingsOf(env), jobs, deps())
  try {
    await plan.apply()
  } finally {
    await plan.close()
  }
}
