import type { RunningEngine } from '../src/index.js'

/** One call of the SQS API in its JSON protocol. The emulators look at the credential's shape at most. */
async function sqs(engine: RunningEngine, action: string, body: unknown): Promise<Response> {
  return fetch(engine.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify(body),
  })
}

/** Makes a queue and sends one message to it. */
export async function putMessage(engine: RunningEngine, name: string): Promise<void> {
  const queue = await sqs(engine, 'CreateQueue', { QueueName: name })
  if (!queue.ok) throw new Error(`CreateQueue: ${queue.status} ${await queue.text()}`)
  const { QueueUrl } = (await queue.json()) as { QueueUrl: string }
  const sent = await sqs(engine, 'SendMessage', { QueueUrl, MessageBody: 'receipt 17' })
  if (!sent.ok) throw new Error(`SendMessage: ${sent.status} ${await sent.text()}`)
}

/** True when the queue is there with its message, which stays. */
export async function hasMessage(engine: RunningEngine, name: string): Promise<boolean> {
  const queue = await sqs(engine, 'GetQueueUrl', { QueueName: name })
  if (!queue.ok) return false
  const { QueueUrl } = (await queue.json()) as { QueueUrl: string }
  const received = await sqs(engine, 'ReceiveMessage', { QueueUrl, VisibilityTimeout: 0 })
  if (!received.ok) throw new Error(`ReceiveMessage: ${received.status} ${await received.text()}`)
  const { Messages = [] } = (await received.json()) as { Messages?: readonly { Body: string }[] }
  return Messages.some(({ Body }) => Body === 'receipt 17')
}
