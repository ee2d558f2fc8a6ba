import { DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { DeleteQueueCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type Engine, type TestRunner } from '@pdvend/contract'
import { newId } from '@pdvend/ports'
import { manifest } from '../src/index.js'
import { abilities, provisionQueues } from './sqs-engine.js'

const { PDVEND_TEST_AWS, PDVEND_JOBS_BUCKET, PDVEND_JOBS_REGION, AWS_REGION } = process.env
const missing =
  PDVEND_TEST_AWS !== '1'
    ? 'left out without PDVEND_TEST_AWS=1'
    : PDVEND_JOBS_BUCKET === undefined
      ? 'left out without a bucket of your account in PDVEND_JOBS_BUCKET'
      : undefined

/** Queues and keys of a prefix of their own, on AWS itself with ordinary credentials; both are removed at the end. */
async function startAws(): Promise<Engine> {
  const Bucket = PDVEND_JOBS_BUCKET!
  const region = PDVEND_JOBS_REGION ?? AWS_REGION
  const where = region === undefined ? {} : { region }
  const prefix = `pdvend-test-${newId().slice(-8)}-`
  const env = {
    PDVEND_JOBS_BUCKET: Bucket,
    PDVEND_JOBS_PREFIX: prefix,
    PDVEND_JOBS_BUCKET_PREFIX: `${prefix}jobs/`,
    ...(region === undefined ? {} : { PDVEND_JOBS_REGION: region }),
  }
  return {
    ...abilities,
    name: 'Amazon SQS',
    env,
    provision: (names) => provisionQueues(env, names),
    async stop() {
      const [sqs, s3] = [new SQSClient(where), new S3Client(where)]
      for (let more = true; more;) {
        const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: prefix, MaxResults: 1_000 }))
        for (const QueueUrl of QueueUrls) await sqs.send(new DeleteQueueCommand({ QueueUrl }))
        more = QueueUrls.length === 1_000
      }
      for (let more = true; more;) {
        const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: env.PDVEND_JOBS_BUCKET_PREFIX }))
        if (Contents.length > 0)
          await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key: Key! })) } }))
        more = Contents.length > 0
      }
      sqs.destroy()
      s3.destroy()
    },
  }
}

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
describeContract(manifest, { engine: startAws, abilities, missing, runner })
