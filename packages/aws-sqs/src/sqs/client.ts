import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { SQSClient } from '@aws-sdk/client-sqs'
import { clientBase, renewing } from '@pdvend/client-aws'
import type { Settings } from '../config.js'
import { ADAPTER } from '../errors.js'

/** One client for what is answered at once, one for the polls: these wait, and must not take the others' connections. */
export interface SqsClients {
  readonly calls: SQSClient
  readonly polls: SQSClient
}

/** Clients that try once: the port owns the retries. @throws CONFIG_INVALID for half a pair of keys */
export function sqsClients(settings: Settings): SqsClients {
  const { requestTimeoutMs, pollSeconds } = settings
  return { calls: client(settings, requestTimeoutMs), polls: client(settings, requestTimeoutMs + pollSeconds * 1_000) }
}

function client(settings: Settings, longestMs: number): SQSClient {
  const { requestTimeoutMs } = settings
  const made = new SQSClient({
    ...clientBase(ADAPTER, 'PDVEND_JOBS', settings),
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
