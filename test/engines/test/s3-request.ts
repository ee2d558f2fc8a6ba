import { createHash, createHmac } from 'node:crypto'
import type { RunningEngine } from '../src/index.js'

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** One request in AWS Signature Version 4: enough for plain paths without a query. */
export async function s3Request(engine: RunningEngine, method: string, path: string, body = ''): Promise<Response> {
  const { origin, host, username, password } = new URL(engine.url)
  const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/us-east-1/s3/aws4_request`
  const signed = 'host;x-amz-content-sha256;x-amz-date'
  const canonical = [method, path, '', `host:${host}`, `x-amz-content-sha256:${hash(body)}`, `x-amz-date:${time}`, '', signed, hash(body)].join('\n')
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
  })
}

/** Stores an object in a bucket of the same name. */
export async function putObject(engine: RunningEngine, name: string): Promise<void> {
  for (const [path, body] of [[`/${name}`, ''], [`/${name}/receipt`, 'total 12.50']] as const) {
    const response = await s3Request(engine, 'PUT', path, body)
    if (!response.ok && response.status !== 409) throw new Error(`PUT ${path}: ${response.status} ${await response.text()}`)
  }
}

/** True when the object is there whole and the bucket is listed. */
export async function hasObject(engine: RunningEngine, name: string): Promise<boolean> {
  const list = await s3Request(engine, 'GET', '/')
  const buckets = await list.text()
  if (!list.ok) throw new Error(`GET /: ${list.status} ${buckets}`)
  const object = await s3Request(engine, 'GET', `/${name}/receipt`)
  return object.ok && (await object.text()) === 'total 12.50' && buckets.includes(`<Name>${name}</Name>`)
}
