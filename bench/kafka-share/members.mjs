// Members of a group that take a topic's records in batches, each settled or committed before the next is asked for: the share
// group's way, and the two classic clients' own consumer loops.
import { ShareAdmin, ShareConsumer } from '@pdvend/kafka-share-consumer'
import { Consumer } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'

/** Each: `open({ brokers, topic, group, batch, handle })` gives `close`; `handle(count)` is told after each batch, and may return a promise. */
export const members = {
  'share group': async ({ brokers, topic, group, batch, handle }) => {
    const admin = new ShareAdmin({ bootstrapBrokers: brokers })
    await admin.alter(group, { 'share.auto.offset.reset': 'earliest' })
    await admin.close()
    const consumer = await ShareConsumer.open({ bootstrapBrokers: brokers, groupId: group, topics: [topic] })
    let closed = false
    const work = async () => {
      while (!closed) {
        const records = await consumer.poll({ maxRecords: batch, waitMs: 500 })
        if (records.length === 0) continue
        await handle(records.length)
        // Said with the next fetch; what fails comes again.
        for (const record of records) record.accept().catch(() => undefined)
      }
    }
    const done = work()
    return async () => {
      closed = true
      await done
      await consumer.close()
    }
  },
  kafkajs: async ({ brokers, topic, group, batch, handle }) => {
    const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING })
    const consumer = kafka.consumer({ groupId: group, sessionTimeout: 6_000, heartbeatInterval: 500, maxWaitTimeInMs: 500 })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    let waiting = 0
    let ended = false
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch: fetched, heartbeat, resolveOffset, isRunning, isStale }) => {
        for (let at = 0; at < fetched.messages.length && isRunning() && !isStale() && !ended; at += batch) {
          const slice = fetched.messages.slice(at, at + batch)
          waiting = slice.length
          await Promise.race([handle(waiting), beat(heartbeat, () => waiting > 0)])
          waiting = 0
          resolveOffset(slice.at(-1).offset)
          const offset = String(BigInt(slice.at(-1).offset) + 1n)
          await consumer.commitOffsets([{ topic, partition: fetched.partition, offset }])
        }
      },
    })
    return async () => {
      ended = true
      await consumer.disconnect()
    }
  },
  '@platformatic/kafka': async ({ brokers, topic, group, batch, handle }) => {
    const consumer = new Consumer({
      clientId: 'bench',
      bootstrapBrokers: brokers,
      groupId: group,
      sessionTimeout: 6_000,
      heartbeatInterval: 500,
    })
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      maxWaitTime: 500,
    })
    const work = async () => {
      let taken = 0
      for await (const message of stream) {
        if (++taken < batch) continue
        await handle(taken)
        taken = 0
        await message.commit()
      }
    }
    const done = work().catch(() => undefined)
    return async () => {
      await stream.close()
      await done
      await new Promise((resolve) => consumer.close(true, resolve))
    }
  },
}

/** kafkajs keeps its place in the group by heartbeats that the handler has to send. */
async function beat(heartbeat, goesOn) {
  while (goesOn()) {
    await heartbeat().catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
