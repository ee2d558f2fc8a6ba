import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type TestRunner } from '@pdvend/contract'
import { ossEmq } from '@pdvend/oss-emq'
import { abilities, brokerEngine, whyNoBroker } from './broker.js'

const missing = await whyNoBroker('mosquitto')
const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner

if (missing === undefined) describeContract(ossEmq, { engine: () => brokerEngine('mosquitto'), abilities, mutants: true, runner })
else test.skip(`contract of push: oss-emq on Mosquitto (skipped: ${missing})`, () => {})
