import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { ossMinio } from '../src/index.js'
import { storeEngine } from './engine.js'

const missing = await whyMissing('versitygw')
const runner = { describe, test, beforeAll, afterAll } as never

if (missing === undefined) describeContract(ossMinio, { engine: await storeEngine('versitygw'), runner })
else test.skip(`contract of blob: oss-minio on versitygw (skipped: ${missing})`, () => {})
