import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type Engine, type TestRunner } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { abilities as all, startSqs } from './sqs-engine.js'

/** ElasticMQ writes queues and messages to disk a moment after it has acknowledged them: what a restart loses is not ours. */
const { restart: _restart, ...abilities } = all

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
const missing = (await whyMissing('elasticmq')) ?? (await whyMissing('ministack'))
async function startElasticMq(): Promise<Engine> {
  const { restart: _restart, ...engine } = await startSqs({ sqs: 'elasticmq' })
  return engine
}

describeContract(manifest, { engine: startElasticMq, abilities, missing, runner })
