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
  const client = new FirehoseClient({
    maxAttempts: 1,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey.reveal() } }),
    requestHandler: { connectionTimeout: Math.min(requestTimeoutMs, 5_000), requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  })
  let renewal: Promise<unknown> | undefined
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (error) {
        // The SDK keeps a token until its own end; one that the service refuses as expired is fetched anew, once for all calls.
        if ((error as Error).name === 'ExpiredTokenException')
          await (renewal ??= renewed(client).finally(() => (renewal = undefined))).catch(() => undefined)
        throw error
      }
    },
    { step: 'initialize', name: 'pdvendCredentials' },
  )
  return client
}

/** Credentials that were given and not fetched stay what they are. */
function renewed({ config }: FirehoseClient): Promise<unknown> {
  return (config.credentials as (options: { readonly forceRefresh: boolean }) => Promise<unknown>)({ forceRefresh: true })
}
