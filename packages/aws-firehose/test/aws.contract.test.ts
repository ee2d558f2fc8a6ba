import { DeleteDeliveryStreamCommand, DescribeDeliveryStreamCommand, FirehoseClient } from '@aws-sdk/client-firehose'
import { DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type Engine, type TestRunner } from '@pdvend/contract'
import { newId, sleep, systemClock } from '@pdvend/ports'
import { manifest } from '../src/index.js'
import { provision } from './firehose-engine.js'

const { PDVEND_TEST_AWS, PDVEND_TELEMETRY_REGION, AWS_REGION } = process.env
const { PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN: bucketArn, PDVEND_TELEMETRY_DELIVERY_ROLE_ARN: roleArn } = process.env
const missing =
  PDVEND_TEST_AWS !== '1'
    ? 'left out without PDVEND_TEST_AWS=1'
    : bucketArn === undefined || roleArn === undefined
      ? 'left out without PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN and PDVEND_TELEMETRY_DELIVERY_ROLE_ARN of your account'
      : undefined

/** What {@link startAws} will be able to do; what it stores comes to the bucket a minute later, too late for the cases. */
const abilities = { name: 'Amazon Data Firehose', env: {}, module: new URL('../dist/index.js', import.meta.url).href } satisfies Engine

/** A stream of its own, on AWS itself with ordinary credentials; it and what it delivered are removed at the end. */
async function startAws(): Promise<Engine> {
  const region = PDVEND_TELEMETRY_REGION ?? AWS_REGION
  const where = region === undefined ? {} : { region }
  const stream = `pdvend-test-${newId().slice(-8)}`
  const env = {
    PDVEND_TELEMETRY_STREAM: stream,
    PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN: bucketArn!,
    PDVEND_TELEMETRY_DELIVERY_ROLE_ARN: roleArn!,
    ...(region === undefined ? {} : { PDVEND_TELEMETRY_REGION: region }),
  }
  await provision(env)
  return {
    ...abilities,
    env,
    async stop() {
      const [firehose, s3] = [new FirehoseClient(where), new S3Client({ ...where, followRegionRedirects: true })]
      const DeliveryStreamName = stream
      await firehose.send(new DeleteDeliveryStreamCommand({ DeliveryStreamName }))
      const there = () =>
        firehose.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName })).then(
          () => true,
          (cause: unknown) => {
            if ((cause as Error).name !== 'ResourceNotFoundException') throw cause
            return false
          },
        )
      while (await there()) await sleep(systemClock, 1_000)
      const Bucket = bucketArn!.split(':').at(-1)!
      for (let more = true; more;) {
        const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: stream }))
        if (Contents.length > 0)
          await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key: Key! })) } }))
        more = Contents.length > 0
      }
      firehose.destroy()
      s3.destroy()
    },
  }
}

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
describeContract(manifest, { engine: startAws, abilities, missing, runner })
