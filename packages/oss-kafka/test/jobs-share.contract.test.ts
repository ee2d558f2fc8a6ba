import { describe } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { ossKafkaJobs } from '../src/jobs/index.js'
import { abilities, jobsEngine } from './jobs-engine.js'

const runs = [
  { version: '4.4.0', client: 'kafkajs' },
  { version: '4.2.2', client: 'platformatic' },
] as const

for (const { version, client } of runs) {
  const missing = await whyMissing('kafka', { version })
  describe(`share groups of Apache Kafka ${version}, ${client} for the rest`, () => {
    describeContract(ossKafkaJobs, { engine: () => jobsEngine({ version, client, engine: 'auto' }), abilities, missing })
  })
}
