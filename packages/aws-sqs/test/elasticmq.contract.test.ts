import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type TestRunner } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { abilities, startSqs } from './sqs-engine.js'

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
const missing = (await whyMissing('elasticmq')) ?? (await whyMissing('ministack'))
describeContract(manifest, { engine: () => startSqs({ sqs: 'elasticmq' }), abilities, missing, runner })
