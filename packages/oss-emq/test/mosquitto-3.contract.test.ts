import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type TestRunner } from '@pdvend/contract'
import { ossEmq } from '@pdvend/oss-emq'
import { abilities, brokerEngine, whyNoBroker } from './broker.js'

const missing = await whyNoBroker('mosquitto')
const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
const engine = () => brokerEngine('mosquitto', { PDVEND_PUSH_PROTOCOL: '3.1.1' })

if (missing === undefined) describeContract(ossEmq, { engine, abilities, runner })
else test.skip(`contract of push: oss-emq on Mosquitto by MQTT 3.1.1 (skipped: ${missing})`, () => {})
