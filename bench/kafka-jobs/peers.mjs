import { ossKafkaJobs } from '@pdvend/oss-kafka'
import { defineJob, handle, JobQueue, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { Admin, Consumer, Producer } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'
import { z } from 'zod'

const input = z.object({ n: z.number(), text: z.string() })
/** Default of the port; what a killed worker had comes back after it. */
const LEASE_MS = 5_000
/** What a classic group allows at least; what a killed worker had comes back after it. */
const SESSION_MS = 6_000

/** By name: opens a queue by name, with `add`, `addMany` and `work(handle, concurrency)`; raw loops do as each library's manual says. */
export const peers = {
  async 'oss-kafka'(brokers) {
    const { settings } = await readSettings(ossKafkaJobs.config, { PDVEND_JOBS_BROKERS: brokers, PDVEND_JOBS_ENGINE: 'classic' })
    const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(600_000) }
    const queues = new JobQueue(await ossKafkaJobs.open(settings, deps), { adapter: 'oss-kafka', leaseMs: LEASE_MS })
    return {
      async queue(name) {
        const plan = await ossKafkaJobs.provision(settings, { jobs: [{ name, keyed: true }] }, deps)
        await plan.apply()
        await plan.close()
        const job = defineJob(name, { input, key: ({ n }) => `key-${n}` })
        return {
          add: (data) => queues.enqueue(job, data),
          addMany: (all) => queues.enqueueMany(all.map((data) => ({ job, input: data }))),
          async work(run, concurrency) {
            // As many claimed ahead as run: the next ones are at hand when a slot is free.
            const worker = queues.work([handle(job, run)], { concurrency, prefetch: concurrency === 1 ? 0 : concurrency })
            return () => worker.close({ drainMs: 0 })
          },
        }
      },
      close: () => queues.close({ drainMs: 0 }),
    }
  },

  /** One record after the other, its offset committed by the library every second. */
  async kafkajs(brokers) {
    const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
    const [admin, producer] = [kafka.admin(), kafka.producer({ idempotent: true })]
    await Promise.all([admin.connect(), producer.connect()])
    return {
      async queue(topic, numPartitions = 1) {
        const known = (await admin.listTopics()).includes(topic)
        if (!known) await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
        const message = (data) => ({ key: `key-${data.n}`, value: JSON.stringify(data) })
        return {
          add: (data) => producer.send({ topic, messages: [message(data)] }),
          addMany: (all) => producer.send({ topic, messages: all.map(message) }),
          async work(run) {
            const consumer = kafka.consumer({ groupId: topic, sessionTimeout: SESSION_MS, heartbeatInterval: 500 })
            await consumer.connect()
            await consumer.subscribe({ topic, fromBeginning: true })
            await consumer.run({ autoCommitInterval: 1_000, eachMessage: ({ message: { value } }) => run(JSON.parse(value)) })
            return () => consumer.disconnect()
          },
        }
      },
      close: () => Promise.all([admin.disconnect(), producer.disconnect()]),
    }
  },

  /** One record after the other from the stream, its offset committed by the library every second. */
  async '@platformatic/kafka'(brokers) {
    const options = { clientId: 'bench', bootstrapBrokers: [brokers], retries: 10 }
    const admin = new Admin(options)
    const producer = new Producer({ ...options, idempotent: true })
    return {
      async queue(topic, partitions = 1) {
        if (!(await admin.listTopics()).includes(topic)) {
          await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
          // Its leader is not there yet when it answers.
          await new Promise((resolve) => setTimeout(resolve, 500))
        }
        const message = (data) => ({ topic, key: Buffer.from(`key-${data.n}`), value: Buffer.from(JSON.stringify(data)) })
        return {
          add: (data) => producer.send({ messages: [message(data)], acks: -1 }),
          addMany: (all) => producer.send({ messages: all.map(message), acks: -1 }),
          async work(run) {
            const consumer = new Consumer({ ...options, groupId: topic, sessionTimeout: SESSION_MS, heartbeatInterval: 500 })
            const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: 1_000, maxWaitTime: 500 })
            const loop = (async () => {
              for await (const { value } of stream) await run(JSON.parse(value.toString()))
            })().catch(() => {})
            return async () => {
              await stream.close()
              await loop
              await new Promise((done) => consumer.close(true, done))
            }
          },
        }
      },
      close: async () => {
        await producer.close()
        await admin.close()
      },
    }
  },
}
