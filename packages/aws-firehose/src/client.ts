import { FirehoseClient } from '@aws-sdk/client-firehose'
import { PortError } from '@pdvend/ports'
import type { Settings } from './config.js'

/** A client that tries once: the port owns the retries. @throws CONFIG_INVALID for half a pair of keys */
export function firehoseClient(settings: Settings): FirehoseClient {
  const { region, endpoint, accessKey, secretKey, requestTimeoutMs } = settings
  if ((accessKey === undefined) !== (secretKey === undefined))
    throw new PortError('CONFIG_INVALID', {
      adapter: 'aws-firehose',
      operation: 'open',
      detail: 'PDVEND_TELEMETRY_ACCESS_KEY and PDVEND_TELEMETRY_SECRET_KEY belong together: set both or neither',
    })
  return new FirehoseClient({
    maxAttempts: 1,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey.reveal() } }),
    requestHandler: { connectionTimeout: Math.min(requestTimeoutMs, 5_000), requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  })
}
