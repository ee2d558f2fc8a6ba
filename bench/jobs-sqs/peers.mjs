import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { MessageHandlerConfigBuilder } from '@message-queue-toolkit/core'
import { AbstractSqsConsumer, AbstractSqsPublisher } from '@message-queue-toolkit/sqs'
import { awsSqs } from '@pdvend/aws-sqs'
import { defineJob, handle, JobQueue, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { Consumer } from 'sqs-consumer'
import { z } from 'zod'

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const clientAt = (endpoint) => new SQSClient({ endpoint, region: 'us-east-1', credentials })
const input = z.object({ n: z.number(), text: z.string() })
/** For the peers; ours renews its lease of the same length. */
const VISIBILITY_SECONDS = 30
const BATCH = 10

async function createQueue(client, QueueName) {
  return (await client.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) } }))).QueueUrl
}

async function sendMany(client, QueueUrl, all) {
  for (let at = 0; at < all.length; at += BATCH) {
    const Entries = all.slice(at, at + BATCH).map((data, index) => ({ Id: String(index), MessageBody: JSON.stringify(data) }))
    const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    if (Failed.length > 0) throw new Error(`${Failed.length} were not sent`)
  }
}

/** By name: opens queues by name, with `add`, `addMany` and `work(run, concurrency)`, which gives what stops it. */
export const peers = {
  async 'aws-sqs'(endpoint) {
    const s3 = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true })
    await s3.send(new CreateBucketCommand({ Bucket: 'bench-jobs' }))
    s3.destroy()
    const { settings } = await readSettings(awsSqs.config, {
      PDVEND_JOBS_BUCKET: 'bench-jobs',
      PDVEND_JOBS_REGION: 'us-east-1',
      PDVEND_JOBS_ENDPOINT: endpoint,
      PDVEND_JOBS_BUCKET_ENDPOINT: endpoint,
      PDVEND_JOBS_ACCESS_KEY: 'test',
      PDVEND_JOBS_SECRET_KEY: 'test',
    })
    const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(600_000) }
    const queues = new JobQueue(await awsSqs.open(settings, deps), { adapter: 'aws-sqs', capabilities: awsSqs.capabilities })
    return {
      async queue(name) {
        const plan = await awsSqs.provision(settings, { jobs: [{ name, keyed: false }] }, deps)
        await plan.apply()
        await plan.close()
        const job = defineJob(name, { input })
        return {
          add: (data) => queues.enqueue(job, data),
          addMany: (all) => queues.enqueueMany(all.map((data) => ({ job, input: data }))),
          async work(run, concurrency) {
            const worker = queues.work([handle(job, run)], { concurrency })
            return () => worker.close({ drainMs: 0 })
          },
        }
      },
      close: () => queues.close({ drainMs: 0 }),
    }
  },

  /** Loops by hand: ten are received, run side by side and deleted together; nothing is renewed, counted or retried. */
  async 'client-sqs by hand'(endpoint) {
    const client = clientAt(endpoint)
    return {
      async queue(name) {
        const QueueUrl = await createQueue(client, `hand-${name}`)
        return {
          add: (data) => client.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(data) })),
          addMany: (all) => sendMany(client, QueueUrl, all),
          async work(run, concurrency) {
            let stopped = false
            const loop = async () => {
              while (!stopped) {
                const { Messages = [] } = await client.send(
                  new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, WaitTimeSeconds: 1 }),
                )
                if (Messages.length === 0) continue
                await Promise.all(Messages.map(({ Body }) => run(JSON.parse(Body))))
                const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }))
                await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
              }
            }
            const loops = Array.from({ length: Math.ceil(concurrency / BATCH) }, loop)
            return async () => {
              stopped = true
              await Promise.race([Promise.all(loops), new Promise((resolve) => setTimeout(resolve, 2_000))])
            }
          },
        }
      },
      close: async () => client.destroy(),
    }
  },

  /** As its manual says: `batchSize` ten, `handleMessage` side by side, a heartbeat. It has no sending side. */
  async 'sqs-consumer'(endpoint) {
    const client = clientAt(endpoint)
    return {
      async queue(name) {
        const queueUrl = await createQueue(client, `consumer-${name}`)
        return {
          addMany: (all) => sendMany(client, queueUrl, all),
          async work(run, concurrency) {
            const consumers = Array.from({ length: Math.ceil(concurrency / BATCH) }, () =>
              Consumer.create({
                sqs: client,
                queueUrl,
                batchSize: BATCH,
                waitTimeSeconds: 1,
                visibilityTimeout: VISIBILITY_SECONDS,
                heartbeatInterval: VISIBILITY_SECONDS / 3,
                async handleMessage(message) {
                  await run(JSON.parse(message.Body))
                  return message
                },
              }),
            )
            for (const consumer of consumers) consumer.on('error', () => {}).on('processing_error', () => {})
            for (const consumer of consumers) consumer.start()
            return async () => {
              for (const consumer of consumers) consumer.stop({ abort: true })
            }
          },
        }
      },
      close: async () => client.destroy(),
    }
  },

  /** With its publisher, its schemas and as many of its consumers, ten messages each. */
  async '@message-queue-toolkit/sqs'(endpoint) {
    const client = clientAt(endpoint)
    const schema = input.extend({ id: z.string(), type: z.literal('bench'), timestamp: z.string().optional() })
    const quiet = { debug() {}, info() {}, warn() {}, error() {}, trace() {}, fatal() {}, child: () => quiet }
    const dependencies = {
      sqsClient: client,
      logger: quiet,
      errorReporter: { report() {} },
      consumerErrorResolver: { processError: (error) => error },
      transactionObservabilityManager: { start() {}, startWithGroup() {}, stop() {}, addCustomAttributes() {} },
    }
    class Publisher extends AbstractSqsPublisher {
      constructor(creationConfig) {
        super(dependencies, { messageSchemas: [schema], messageTypeResolver: { messageTypePath: 'type' }, creationConfig })
      }
    }
    class Worker extends AbstractSqsConsumer {
      constructor(creationConfig, run, concurrency) {
        const handlers = new MessageHandlerConfigBuilder()
          .addConfig(schema, async (message) => {
            await run(message)
            return { result: 'success' }
          })
          .build()
        super(
          dependencies,
          {
            handlers,
            messageTypeResolver: { messageTypePath: 'type' },
            creationConfig,
            concurrentConsumersAmount: Math.ceil(concurrency / BATCH),
            consumerOverrides: { batchSize: BATCH, waitTimeSeconds: 1, heartbeatInterval: VISIBILITY_SECONDS / 3 },
          },
          {},
        )
      }
    }
    let ids = 0
    const message = (data) => ({ ...data, id: String(++ids), type: 'bench' })
    return {
      async queue(name) {
        const creationConfig = {
          queue: { QueueName: `toolkit-${name}`, Attributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) } },
        }
        const publisher = new Publisher(creationConfig)
        await publisher.init()
        return {
          add: (data) => publisher.publish(message(data)),
          async addMany(all) {
            for (let at = 0; at < all.length; at += 50)
              await Promise.all(all.slice(at, at + 50).map((data) => publisher.publish(message(data))))
          },
          async work(run, concurrency) {
            const worker = new Worker(creationConfig, run, concurrency)
            await worker.start()
            return () => worker.close(true)
          },
        }
      },
      close: async () => client.destroy(),
    }
  },
}
