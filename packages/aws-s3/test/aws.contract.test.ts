import { DeleteObjectsCommand, ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type Engine, type TestRunner } from '@pdvend/contract'
import { manifest } from '../src/index.js'
import { abilities } from './store.js'

/** Everything of a run is below it: the contract's own prefixes, `c…`, come after. */
const PREFIXES = /^(c[a-z0-9]{6,}|pdvend-probe)\//

const { PDVEND_TEST_AWS, PDVEND_BLOB_BUCKET, PDVEND_BLOB_REGION, AWS_REGION } = process.env
const missing =
  PDVEND_TEST_AWS !== '1'
    ? 'left out without PDVEND_TEST_AWS=1'
    : PDVEND_BLOB_BUCKET === undefined
      ? 'left out without a bucket of your account in PDVEND_BLOB_BUCKET'
      : undefined

/** The bucket of the environment, on S3 itself with ordinary credentials. What was in it before stays. */
async function startAws(): Promise<Engine> {
  const Bucket = PDVEND_BLOB_BUCKET!
  const region = PDVEND_BLOB_REGION ?? AWS_REGION
  const client = new S3Client(region === undefined ? {} : { region })
  const keys = async (): Promise<readonly string[]> => {
    const found: string[] = []
    for (let ContinuationToken: string | undefined, more = true; more;) {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket, ...(ContinuationToken === undefined ? {} : { ContinuationToken }) }),
      )
      found.push(...(page.Contents ?? []).map(({ Key }) => Key!))
      ContinuationToken = page.NextContinuationToken
      more = ContinuationToken !== undefined
    }
    return found
  }
  const before = new Set(await keys())
  return {
    ...abilities,
    name: 'Amazon S3',
    env: { PDVEND_BLOB_BUCKET: Bucket, ...(region === undefined ? {} : { PDVEND_BLOB_REGION: region }) },
    async leftovers() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
      return Uploads.filter(({ Key = '' }) => PREFIXES.test(Key)).map(({ Key }) => `an upload to ${Key}`)
    },
    async stop() {
      const mine = (await keys()).filter((key) => !before.has(key) && PREFIXES.test(key))
      for (let at = 0; at < mine.length; at += 1_000) {
        const Objects = mine.slice(at, at + 1_000).map((Key) => ({ Key }))
        await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
      }
      client.destroy()
    },
  }
}

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
describeContract(manifest, { engine: startAws, abilities, missing, runner })
