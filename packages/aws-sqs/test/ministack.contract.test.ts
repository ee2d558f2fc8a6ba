import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type TestRunner } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { abilities, startSqs } from './sqs-engine.js'

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
describeContract(manifest, { engine: startSqs, abilities, missing: await whyMissing('ministack'), runner, mutants: true })
