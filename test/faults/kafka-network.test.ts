import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type FaultyLink, type KafkaDoors, startFaultyLink, startKafkaDoors, whyMissing } from '@pdvend/engines'
import { jobsFlow, telemetryFlow } from './kafka-flows.js'

const scale = Number(process.env['PDVEND_TEST_SCALE'] ?? 1)
/** How long each fault stays, and how long the link is sound between, in milliseconds. */
const FAULT_MS = Math.round(2_000 * scale)
const SOUND_MS = Math.round(1_000 * scale)

const missing = (await whyMissing('kafka', { named: false })) ?? (await whyMissing('toxiproxy', { named: false }))
const describeHere = missing === undefined ? describe : describe.skip
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describeHere(`a bad network before Kafka${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let link: FaultyLink
  let kafka: KafkaDoors
  beforeAll(async () => {
    link = await startFaultyLink()
    kafka = await startKafkaDoors({ advertised: link.address })
    await link.leadTo(kafka.doors.proxied)
  }, 300_000)
  afterAll(async () => {
    await kafka?.stop()
    await link?.stop()
  }, 60_000)

  const faults: readonly (readonly [string, () => Promise<() => Promise<void>>])[] = [
    ['slow', () => link.add({ type: 'latency', attributes: { latency: 300, jitter: 200 } })],
    ['cut', () => link.cut()],
    ['answers lost, half open', () => link.add({ type: 'timeout', attributes: { timeout: 0 } })],
    ['requests lost, half open', () => link.add({ type: 'timeout', attributes: { timeout: 0 } }, 'upstream')],
    ['reset', () => link.add({ type: 'reset_peer', attributes: { timeout: 50 } })],
    ['closed in the middle of an answer', () => link.add({ type: 'limit_data', attributes: { bytes: 300 } })],
    ['narrow', () => link.add({ type: 'bandwidth', attributes: { rate: 20 } })],
  ]

  test(
    'latency, cuts, resets and half-open connections: nothing that was accepted is lost, and keys keep their order',
    async () => {
      // One after the other: Jest's modules cannot be loaded by several at once.
      const flows = [
        await telemetryFlow(link.address, kafka.url, 'kafkajs', 1),
        await telemetryFlow(link.address, kafka.url, 'platformatic', 1),
        await jobsFlow(link.address, kafka.url, 'kafkajs', 1),
      ]
      for (const [, begin] of faults) {
        await pause(SOUND_MS)
        const end = await begin()
        await pause(FAULT_MS)
        await end()
      }
      await pause(SOUND_MS)
      const [kafkajs, platformatic, jobs] = await Promise.all(flows.map((flow) => flow.end()))
      console.log(`a bad network: ${faults.map(([name]) => name).join('; ')}`, {
        telemetry: { kafkajs, platformatic },
        jobs: { kafkajs: jobs },
      })
      for (const figures of [kafkajs, platformatic])
        expect(figures).toMatchObject({ incomplete: 0, dead: 0, dropped: 0, lost: 0, disordered: 0, accepted: figures!['emitted'] })
      expect(jobs).toMatchObject({ lost: 0, dead: 0, accepted: jobs!['offered'] })
    },
    300_000 + 60_000 * scale,
  )
})
