// The same calls on three clients: put and get of a body in memory, an upload of unknown length, a download.

/** @pdvend/oss-minio behind the port class, as an app has it. */
async function pdvend(env) {
  const { BlobStorage, readSettings, silentLogger, systemClock } = await import('@pdvend/ports')
  const { ossMinio } = await import('@pdvend/oss-minio')
  const { settings, problems } = await readSettings(ossMinio.config, env)
  if (problems !== undefined) throw new Error(JSON.stringify(problems))
  const driver = await ossMinio.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
  const blobs = new BlobStorage(driver, { adapter: 'oss-minio', timeoutMs: 600_000 })
  return {
    put: (key, bytes) => blobs.put(key, bytes, { contentType: 'application/octet-stream' }),
    get: async (key) => (await (await blobs.get(key)).bytes()).byteLength,
    upload: (key, stream) => blobs.put(key, stream, { contentType: 'application/octet-stream' }),
    async download(key) {
      let bytes = 0
      for await (const chunk of await blobs.get(key)) bytes += chunk.byteLength
      return bytes
    },
    close: () => blobs.close(),
  }
}

/** The raw client of MinIO. */
async function minio(env) {
  const { Client } = await import('minio')
  const { Readable } = await import('node:stream')
  const { hostname, port } = new URL(env.PDVEND_BLOB_ENDPOINT)
  const bucket = env.PDVEND_BLOB_BUCKET
  const client = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: 'us-east-1',
    accessKey: env.PDVEND_BLOB_ACCESS_KEY,
    secretKey: env.PDVEND_BLOB_SECRET_KEY,
    partSize: Number(env.PDVEND_BLOB_PART_BYTES ?? 8_388_608),
  })
  const download = async (key) => {
    let bytes = 0
    for await (const chunk of await client.getObject(bucket, key)) bytes += chunk.byteLength
    return bytes
  }
  return {
    put: (key, bytes) => client.putObject(bucket, key, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes.byteLength),
    async get(key) {
      const chunks = []
      for await (const chunk of await client.getObject(bucket, key)) chunks.push(chunk)
      return Buffer.concat(chunks).byteLength
    },
    upload: (key, stream) => client.putObject(bucket, key, Readable.from(stream, { objectMode: false })),
    download,
    close: async () => {},
  }
}

/** The AWS SDK with its defaults, and its helper for uploads of unknown length. */
async function aws(env) {
  const { GetObjectCommand, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const { Upload } = await import('@aws-sdk/lib-storage')
  const { Readable } = await import('node:stream')
  const Bucket = env.PDVEND_BLOB_BUCKET
  const client = new S3Client({
    endpoint: env.PDVEND_BLOB_ENDPOINT,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: env.PDVEND_BLOB_ACCESS_KEY, secretAccessKey: env.PDVEND_BLOB_SECRET_KEY },
    requestHandler: { httpAgent: { maxSockets: 256 } },
  })
  const bodyOf = async (key) => (await client.send(new GetObjectCommand({ Bucket, Key: key }))).Body
  return {
    put: (Key, Body) => client.send(new PutObjectCommand({ Bucket, Key, Body })),
    get: async (key) => (await (await bodyOf(key)).transformToByteArray()).byteLength,
    upload: (Key, stream) =>
      new Upload({
        client,
        params: { Bucket, Key, Body: Readable.from(stream, { objectMode: false }) },
        partSize: Number(env.PDVEND_BLOB_PART_BYTES ?? 8_388_608),
        queueSize: 4,
      }).done(),
    async download(key) {
      let bytes = 0
      for await (const chunk of await bodyOf(key)) bytes += chunk.byteLength
      return bytes
    },
    close: async () => client.destroy(),
  }
}

export const clients = { pdvend, minio, aws }
