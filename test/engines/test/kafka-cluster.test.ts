import assert from 'node:assert/strict'
import { Kafka, logLevel } from 'kafkajs'
import { test } from '@jest/globals'
import { startKafkaCluster, whyMissing } from '../src/index.js'
import { isAlive } from '../src/process/process-table.js'

const reason = await whyMissing('kafka', { named: false })
const testHere = reason === undefined ? test : test.skip

testHere(
  'three brokers serve while each of them is down in turn',
  async () => {
    const cluster = await startKafkaCluster()
    const kafka = new Kafka({ brokers: cluster.url.split(','), logLevel: logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 1_000 } })
    const admin = kafka.admin()
    const producer = kafka.producer({ idempotent: true, retry: { retries: 20, maxRetryTime: 1_000 } })
    try {
      await Promise.all([admin.connect(), producer.connect()])
      const configEntries = [{ name: 'min.insync.replicas', value: '2' }]
      await admin.createTopics({
        topics: [{ topic: 'sales', numPartitions: 3, replicationFactor: 3, configEntries }],
        waitForLeaders: true,
      })
      let sent = 0
      for (const [index, node] of cluster.nodes.entries()) {
        const up = await node.down!(index === 0 ? 'in-order' : 'killed')
        assert.equal(isAlive(node.pid!), false)
        for (const partition of [0, 1, 2]) {
          await producer.send({ topic: 'sales', acks: -1, messages: [{ partition, value: `sale ${sent}` }] })
          sent++
        }
        await up()
      }
      const offsets = await admin.fetchTopicOffsets('sales')
      const held = offsets.reduce((sum, { high }) => sum + Number(high), 0)
      assert.equal(held, sent)
    } finally {
      await Promise.allSettled([admin.disconnect(), producer.disconnect()])
      await cluster.stop()
    }
  },
  240_000,
)
