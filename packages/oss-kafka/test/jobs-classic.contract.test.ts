import { describe } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { ossKafkaJobs } from '../src/jobs/index.js'
import { abilities, jobsEngine } from './jobs-engine.js'

const runs = [
  { version: '4.4.0', client: 'kafkajs', mutants: true },
  { version: '4.4.0', client: 'platformatic', mutants: false },
  { version: '3.9.2', client: 'kafkajs', mutants: false },
] as const

for (const { version, client, mutants } of runs) {
  const missing = await whyMissing('kafka', { version })
  describe(`Apache Kafka ${version} through ${client}`, () => {
    describeContract(ossKafkaJobs, { engine: () => jobsEngine({ version, client, engine: 'classic' }), abilities, missing, mutants })
  })
}
