import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { Settings } from '../config.js'
import { renewing } from '../renewal.js'

/** One client for what is answered at once, one for the polls: these wait, and must not take the others' connections. */
export interface SqsClients {
  readonly calls: SQSClient
  readonly polls: SQSClient
}

/** Clients that try once: the port owns the retries. */
export function sqsClients(settings: Settings): SqsClients {
  const { requestTimeoutMs, pollSeconds } = settings
  return { calls: client(settings, requestTimeoutMs), polls: client(settings, requestTimeoutMs + pollSeconds * 1_000) }
}

function client({ region, endpoint, accessKey, secretKey, requestTimeoutMs }: Settings, longestMs: number): SQSClient {
  const made = new SQSClient({
    maxAttempts: 1,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey.reveal() } }),
    cacheMiddleware: true,
    requestHandler: {
      connectionTimeout: Math.min(requestTimeoutMs, 5_000),
      requestTimeout: longestMs,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent({ keepAlive: true }),
      httpsAgent: new HttpsAgent({ keepAlive: true }),
    },
  })
  return renewing(made)
}
