import { describe } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { ossKafkaTelemetry } from '../src/telemetry/index.js'
import { abilities, telemetryEngine } from './telemetry-engine.js'

const runs = [
  { version: '4.4.0', client: 'kafkajs', mutants: true },
  { version: '4.4.0', client: 'platformatic', mutants: false },
  { version: '3.9.2', client: 'kafkajs', mutants: false },
] as const

for (const { version, client, mutants } of runs) {
  const missing = await whyMissing('kafka', { version })
  describe(`Apache Kafka ${version} through ${client}`, () => {
    describeContract(ossKafkaTelemetry, { engine: () => telemetryEngine({ version, client }), abilities, missing, mutants })
  })
}
