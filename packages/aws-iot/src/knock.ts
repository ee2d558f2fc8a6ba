import { newId, PortError } from '@pdvend/ports'
import { clientIdOf, connect, end } from '@pdvend/push-mqtt'
import type { Settings } from './config.js'
import { credentialOf } from './credentials.js'
import { broker, wrong } from './errors.js'

const PROTOCOL_LEVEL = 5
const KNOCK_MS = 60_000

/** What is to be done where the authorizer is not there, or is not ours. */
export function authorizerMend({ authorizer }: Pick<Settings, 'authorizer'>): string {
  return (
    `make a Lambda function of @pdvend/aws-iot/authorizer with PDVEND_PUSH_JWT_SECRET and PDVEND_PUSH_ENDPOINT as the app has them, ` +
    `let iot.amazonaws.com invoke it, then: aws iot create-authorizer --authorizer-name ${authorizer} --signing-disabled ` +
    `--status ACTIVE --authorizer-function-arn <its ARN>`
  )
}

/**
 * Comes as a device would, with a token for one that cannot be: proves authorizer, function and secret in one. Nothing is done
 * where devices get in by other means. `now` is AWS's time. @throws CONFIG_INVALID when it is refused | UNAVAILABLE
 */
export async function knock(settings: Settings, urls: readonly string[], now: number, signal: AbortSignal): Promise<void> {
  const { namespace: ns, authorizer, jwtSecret, connectTimeoutMs, keepAliveSeconds } = settings
  if (jwtSecret === undefined) return
  const device = `-${newId()}`
  const issuer = { ns, authorizer, secret: jwtSecret.reveal() }
  const credential = credentialOf(issuer, device, { groups: [], generation: 0, expiresAt: now + KNOCK_MS })
  const endpoint = { broker, url: async () => urls[0]!, connectTimeoutMs, keepAliveSeconds }
  try {
    const { client } = await connect(endpoint, { clientId: clientIdOf(ns, device), ...credential }, PROTOCOL_LEVEL, signal)
    await end(client, true)
  } catch (cause) {
    if (!PortError.is(cause, 'PERMISSION_DENIED', 'UNAUTHENTICATED')) throw cause
    throw wrong(
      `the custom authorizer of PDVEND_PUSH_AUTHORIZER does not let devices in, or has another PDVEND_PUSH_JWT_SECRET: ${authorizerMend(settings)}`,
      cause,
    )
  }
}
