import { createHash, createHmac } from 'node:crypto'

export interface SigningCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/**
 * A WebSocket address that opens within five minutes, Signature Version 4 in its query, service `iotdevicegateway`. By hand, for
 * AWS IoT wants the session token added after signing, and the SDK signs it too.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html#mqtt-ws (seen 2026-11).
 */
export function signedUrl(address: string, region: string, credentials: SigningCredentials, now: number): string {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const url = new URL(address)
  const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = [time.slice(0, 8), region, 'iotdevicegateway', 'aws4_request']
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encodeURIComponent([accessKeyId, ...scope].join('/'))}`,
    `X-Amz-Date=${time}`,
    'X-Amz-Expires=300',
    'X-Amz-SignedHeaders=host',
  ].join('&')
  const request = ['GET', url.pathname, query, `host:${url.host}`, '', 'host', sha256('')].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(request)].join('\n')
  const key = scope.reduce<Buffer | string>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`)
  const token = sessionToken === undefined ? '' : `&X-Amz-Security-Token=${encodeURIComponent(sessionToken)}`
  return `${url.protocol}//${url.host}${url.pathname}?${query}&X-Amz-Signature=${hmac(key, text).toString('hex')}${token}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
