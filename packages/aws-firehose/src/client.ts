import { FirehoseClient } from '@aws-sdk/client-firehose'
import { clientBase, renewing } from '@pdvend/client-aws'
import type { Settings } from './config.js'

/** A client that tries once: the port owns the retries. @throws CONFIG_INVALID for half a pair of keys */
export function firehoseClient(settings: Settings): FirehoseClient {
  const { requestTimeoutMs } = settings
  const client = new FirehoseClient({
    ...clientBase('aws-firehose', 'PDVEND_TELEMETRY', settings),
    requestHandler: { connectionTimeout: Math.min(requestTimeoutMs, 5_000), requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  })
  return renewing(client)
}
