// The clients under comparison, each behind the same four calls on one bucket.
import { createHash, createHmac } from 'node:crypto'
import { Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { awsS3 } from '@pdvend/aws-s3'
import { BlobStorage, readSettings, silentLogger, systemClock } from '@pdvend/ports'

const Bucket = 'bench'

/** The engine's address and credentials; its bucket is made. */
export async function serverOf(engine) {
  const { origin, host, hostname, port, username, password } = new URL(engine.url)
  const config = {
    endpoint: origin,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: username, secretAccessKey: password },
  }
  const client = new S3Client(config)
  await client.send(new CreateBucketCommand({ Bucket }))
  client.destroy()
  return { config, host, hostname, port }
}

/** As shipped: CRC-32 both ways by its own middleware. */
export function sdkStore({ config }, name = 'raw SDK', options = {}) {
  const client = new S3Client({ ...config, ...options })
  return {
    name,
    put: (Key, Body) => client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'text/plain' })),
    get: async (Key) => (await client.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToByteArray(),
    upload: (Key, source) =>
      new Upload({ client, params: { Bucket, Key, Body: Readable.from(source) }, partSize: 8 * 1_048_576, queueSize: 4 }).done(),
    async download(Key) {
      for await (const _chunk of (await client.send(new GetObjectCommand({ Bucket, Key }))).Body);
    },
    close: async () => client.destroy(),
  }
}

export async function pdvendStore({ config }) {
  const { settings } = await readSettings(awsS3.config, {
    PDVEND_BLOB_BUCKET: Bucket,
    PDVEND_BLOB_ENDPOINT: config.endpoint,
    PDVEND_BLOB_REGION: config.region,
    PDVEND_BLOB_ACCESS_KEY: config.credentials.accessKeyId,
    PDVEND_BLOB_SECRET_KEY: config.credentials.secretAccessKey,
  })
  const driver = await awsS3.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(10_000) })
  const blobs = new BlobStorage(driver, { adapter: awsS3.name, timeoutMs: 600_000 })
  return {
    name: '@pdvend/aws-s3',
    put: (key, bytes) => blobs.put(key, bytes, { contentType: 'text/plain' }),
    get: async (key) => (await blobs.get(key)).bytes(),
    upload: (key, source) => blobs.put(key, source),
    async download(key) {
      for await (const _chunk of await blobs.get(key));
    },
    close: () => blobs.close(),
  }
}

/** What the SDK's extension points give, one after the other. */
export function sdkVariants(server) {
  return [
    sdkStore(server, '+ cacheMiddleware', { cacheMiddleware: true }),
    sdkStore(server, '+ a handler of 40 lines over node:http', { cacheMiddleware: true, requestHandler: new ShortHandler() }),
    sdkStore(server, '+ no checksums', {
      cacheMiddleware: true,
      requestHandler: new ShortHandler(),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
  ]
}

class ShortHandler {
  metadata = { handlerProtocol: 'http/1.1' }
  #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  handle({ hostname, port, method, path, query, headers, body }) {
    const search = Object.entries(query ?? {}).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    return new Promise((resolve, reject) => {
      const target = search.length === 0 ? path : `${path}?${search.join('&')}`
      const sent = request({ agent: this.#agent, host: hostname, port, method, path: target, headers }, (answer) =>
        resolve({ response: { statusCode: answer.statusCode, headers: answer.headers, body: answer } }),
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }

  updateHttpClientConfig() {}

  httpHandlerConfigs() {
    return {}
  }

  destroy() {
    this.#agent.destroy()
  }
}

const hash = (data) => createHash('sha256').update(data).digest('hex')
const mac = (key, text) => createHmac('sha256', key).update(text).digest()

/** What a lean transport would cost: the signature by hand, the checksum, node:http, no XML. */
export function bareStore({ config, host, hostname, port }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const { accessKeyId, secretAccessKey } = config.credentials
  let signing = { day: '', key: Buffer.alloc(0) }
  const send = (method, key, headers, body) => {
    const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
    const day = time.slice(0, 8)
    const scope = `${day}/us-east-1/s3/aws4_request`
    if (signing.day !== day) signing = { day, key: scope.split('/').reduce((parent, part) => mac(parent, part), `AWS4${secretAccessKey}`) }
    const payload = hash(body ?? '')
    const all = { ...headers, host, 'x-amz-content-sha256': payload, 'x-amz-date': time }
    const names = Object.keys(all).sort()
    const path = `/${Bucket}/${encodeURIComponent(key)}`
    const canonical = [method, path, '', ...names.map((name) => `${name}:${all[name]}`), '', names.join(';'), payload].join('\n')
    const signature = mac(signing.key, ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n')).toString('hex')
    all.authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
    return new Promise((resolve, reject) => {
      const sent = request({ agent, host: hostname, port, method, path, headers: all }, (answer) => {
        buffer(answer).then((bytes) => (answer.statusCode < 300 ? resolve(bytes) : reject(new Error(bytes.toString()))), reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }
  return {
    name: 'SigV4 over node:http',
    put: (key, bytes) => {
      const checksum = Buffer.alloc(4)
      checksum.writeUInt32BE(crc32(bytes))
      const headers = {
        'content-type': 'text/plain',
        'content-length': bytes.byteLength,
        'x-amz-checksum-crc32': checksum.toString('base64'),
      }
      return send('PUT', key, headers, bytes)
    },
    get: (key) => send('GET', key, {}),
    close: async () => agent.destroy(),
  }
}
