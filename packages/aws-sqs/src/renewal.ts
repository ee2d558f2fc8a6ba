import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'

/** What SQS and S3 say of a session that has ended. */
const EXPIRED: ReadonlySet<string | undefined> = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'])

/**
 * The SDK keeps credentials until the time that came with them, also when a service refuses them earlier (seen with 3.1169). The
 * client fetches them anew then, once for all calls that were refused, so that the port's next try has them.
 */
export function renewing<C extends S3Client | SQSClient>(client: C): C {
  let renewal: Promise<unknown> | undefined
  const renew = (): Promise<unknown> => {
    const fetchAnew = client.config.credentials as (options: { readonly forceRefresh: boolean }) => Promise<unknown>
    renewal ??= fetchAnew({ forceRefresh: true })
      .catch(() => undefined)
      .finally(() => (renewal = undefined))
    return renewal
  }
  ;(client as S3Client).middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (cause) {
        if (EXPIRED.has((cause as Error).name)) await renew()
        throw cause
      }
    },
    { step: 'initialize', name: 'pdvendRenewal' },
  )
  return client
}
