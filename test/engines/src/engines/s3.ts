import { createHash, createHmac } from 'node:crypto'

/** An S3 endpoint with its credentials in one address. */
export function s3Url(port: number, accessKey: string, secretKey: string): string {
  return `http://${accessKey}:${secretKey}@127.0.0.1:${port}`
}

/** What an S3-compatible adapter needs: the endpoint without the credentials, and those. */
export function s3Settings(url: string): Readonly<Record<string, string>> {
  const { origin, username, password } = new URL(url)
  return {
    PDVEND_BLOB_ENDPOINT: origin,
    PDVEND_BLOB_REGION: 'us-east-1',
    PDVEND_BLOB_PATH_STYLE: 'true',
    PDVEND_BLOB_ACCESS_KEY: decodeURIComponent(username),
    PDVEND_BLOB_SECRET_KEY: decodeURIComponent(password),
  }
}

/** True once the store lists its buckets for the one who has the key: some say that they are well before they know their users. */
export async function s3Serves(address: string): Promise<boolean> {
  const response = await s3Request(address, 'GET', '/')
  await response.body?.cancel()
  return response.ok
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** One request in AWS Signature Version 4: enough for plain paths without a query. */
export async function s3Request(address: string, method: string, path: string, body = ''): Promise<Response> {
  const { origin, host, username, password } = new URL(address)
  const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/us-east-1/s3/aws4_request`
  const signed = 'host;x-amz-content-sha256;x-amz-date'
  const canonical = [
    method,
    path,
    '',
    `host:${host}`,
    `x-amz-content-sha256:${hash(body)}`,
    `x-amz-date:${time}`,
    '',
    signed,
    hash(body),
  ].join('\n')
  const key = scope.split('/').reduce<string | Buffer>((secret, part) => mac(secret, part), `AWS4${password}`)
  const signature = mac(key, ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n')).toString('hex')
  return fetch(`${origin}${path}`, {
    method,
    headers: {
      'x-amz-date': time,
      'x-amz-content-sha256': hash(body),
      authorization: `AWS4-HMAC-SHA256 Credential=${username}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    },
    ...(body !== '' && { body }),
    signal: AbortSignal.timeout(20_000),
  })
}
