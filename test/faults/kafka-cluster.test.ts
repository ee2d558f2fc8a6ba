import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type KafkaCluster, startKafkaCluster, whyMissing } from '@pdvend/engines'
import { jobsFlow, telemetryFlow } from './kafka-flows.js'

const scale = Number(process.env['PDVEND_TEST_SCALE'] ?? 1)
/** How long each broker stays away, and how long all are there between, in milliseconds. */
const AWAY_MS = Math.round(1_500 * scale)
const BETWEEN_MS = Math.round(1_500 * scale)

const missing = await whyMissing('kafka', { named: false })
const describeHere = missing === undefined ? describe : describe.skip
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describeHere(`three brokers${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let cluster: KafkaCluster
  beforeAll(async () => {
    cluster = await startKafkaCluster()
  }, 300_000)
  afterAll(async () => cluster?.stop(), 60_000)

  test(
    'each is away in turn while events and jobs flow: nothing that was accepted is lost, and keys keep their order',
    async () => {
      const { url } = cluster
      // One after the other: Jest's modules cannot be loaded by several at once.
      const flows = [
        await telemetryFlow(url, url, 'kafkajs', 3),
        await telemetryFlow(url, url, 'platformatic', 3),
        await jobsFlow(url, url, 'kafkajs', 3),
      ]
      for (const [index, node] of cluster.nodes.entries()) {
        await pause(BETWEEN_MS)
        const up = await node.down!(index === 0 ? 'in-order' : 'killed')
        await pause(AWAY_MS)
        await up()
      }
      await pause(BETWEEN_MS)
      const [kafkajs, platformatic, jobs] = await Promise.all(flows.map((flow) => flow.end()))
      console.log('three brokers, each away in turn', { telemetry: { kafkajs, platformatic }, jobs: { kafkajs: jobs } })
      for (const figures of [kafkajs, platformatic])
        expect(figures).toMatchObject({ incomplete: 0, dead: 0, dropped: 0, lost: 0, disordered: 0, accepted: figures!['emitted'] })
      expect(jobs).toMatchObject({ lost: 0, dead: 0, accepted: jobs!['offered'] })
    },
    300_000 + 60_000 * scale,
  )
})
