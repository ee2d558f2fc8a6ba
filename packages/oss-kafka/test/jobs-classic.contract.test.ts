import { describeContract } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { ossKafkaJobs } from '../src/jobs/index.js'
import { abilities, jobsEngine } from './jobs-engine.js'

const runs = [{ version: '4.4.0', client: 'kafkajs', mutants: true }] as const

for (const { version, client, mutants } of runs) {
  const missing = await whyMissing('kafka', { version })
  describe(`Apache Kafka ${version} through ${client}`, () => {
    describeContract(ossKafkaJobs, { engine: () => jobsEngine({ version, client }), abilities, missing, mutants })
  })
}
