import { PortError, type Secret } from '@pdvend/ports'

/** Settings that every adapter of AWS has; what is absent comes by the SDK's own chain. */
export interface ClientSettings {
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
  readonly accessKey?: string | undefined
  readonly secretKey?: Secret | undefined
}

/** What a client of the SDK is made with. */
export interface ClientBase {
  /** The port owns the retries. */
  readonly maxAttempts: 1
  readonly region?: string
  readonly endpoint?: string
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** `variables`: how the settings' names begin, e.g. `PDVEND_JOBS`. @throws CONFIG_INVALID for half a pair of keys */
export function clientBase(adapter: string, variables: string, { region, endpoint, accessKey, secretKey }: ClientSettings): ClientBase {
  if ((accessKey === undefined) !== (secretKey === undefined))
    throw new PortError('CONFIG_INVALID', {
      adapter,
      operation: 'open',
      detail: `${variables}_ACCESS_KEY and ${variables}_SECRET_KEY belong together: set both or neither`,
    })
  return {
    maxAttempts: 1,
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKey !== undefined &&
      secretKey !== undefined && { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey.reveal() } }),
  }
}
