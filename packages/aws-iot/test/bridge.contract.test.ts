import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { awsIot } from '@pdvend/aws-iot'
import { describeContract, type TestRunner } from '@pdvend/contract'
import { abilities, bridgeEngine, whyNoBridge } from './bridge.js'

const missing = await whyNoBridge()
const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner

if (missing === undefined) describeContract(awsIot, { engine: () => bridgeEngine(), abilities, mutants: true, runner })
else test.skip(`contract of push: aws-iot on the bridge (skipped: ${missing})`, () => {})
