import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type Engine, type TestRunner } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { firehoseEngine } from './firehose-engine.js'

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
const abilities = { name: 'MiniStack', env: {}, clock: 'fake', module: '', storedEvents: async () => [] } satisfies Engine
const missing = await whyMissing('ministack')

describeContract(manifest, { engine: firehoseEngine, abilities, missing, runner, mutants: true })
