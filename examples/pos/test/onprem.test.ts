import { jest } from '@jest/globals'
import { readTopic } from '@pdvend/engines'
import { decodeEnvelope } from '@pdvend/ports'
import { startOnprem, whyNoOnprem } from './onprem-home.js'
import { describeShop } from './shop-on-engines.js'

jest.setTimeout(180_000)

describeShop('MinIO, Kafka, Mosquitto and PostgreSQL', {
  profile: 'onprem',
  adapters: { telemetry: 'oss-kafka-telemetry', blob: 'oss-minio', jobs: 'oss-kafka', push: 'oss-emq' },
  missing: await whyNoOnprem(),
  async start() {
    const home = await startOnprem()
    const events = async () => (await readTopic(home.engines.kafka.url, 'pdvend.telemetry')).map(({ value }) => decodeEnvelope(value))
    return { ...home, events, [Symbol.asyncDispose]: home[Symbol.asyncDispose] }
  },
})
