import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { localPush } from '@pdvend/local/push'
import { abilities, pushEngine } from './push-engine.js'

const runner = { describe, test, beforeAll, afterAll } as unknown as import('@pdvend/contract').TestRunner
describeContract(localPush, { engine: pushEngine, abilities, mutants: true, runner })
