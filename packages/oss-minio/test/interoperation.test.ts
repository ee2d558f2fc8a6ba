import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type RunningEngine, whyMissing } from '@pdvend/engines'
import { BlobStorage } from '@pdvend/ports'
import { Client } from 'minio'
import { BUCKET, open, provision, startBucket } from './engine.js'

const missing = await whyMissing('minio')

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('another S3 tool on the same bucket', () => {
  if (missing !== undefined) return test.skip(`other tools (skipped: ${missing})`, () => {})
  let engine: RunningEngine
  let other: Client
  let env: Readonly<Record<string, string>>

  beforeAll(async () => {
    engine = await startBucket('minio')
    const { hostname, port } = new URL(engine.env.PDVEND_BLOB_ENDPOINT!)
    other = new Client({
      endPoint: hostname,
      port: Number(port),
      useSSL: false,
      accessKey: engine.env.PDVEND_BLOB_ACCESS_KEY!,
      secretKey: engine.env.PDVEND_BLOB_SECRET_KEY!,
    })
    env = { ...engine.env, PDVEND_BLOB_BUCKET: 'plain-names', PDVEND_BLOB_NAMES: 'plain' }
    await provision(env)
  }, 120_000)

  afterAll(async () => engine?.stop())

  test('plain names: each reads what the other wrote, with type and metadata in any language', async () => {
    const blobs = new BlobStorage(await open(env), { adapter: 'oss-minio' })
    await blobs.put('notas/2026/17 ção.xml', '<nota/>', { metadata: { cliente: 'José €', caixa: '07' } })
    expect((await bytesOf(await other.getObject('plain-names', 'notas/2026/17 ção.xml'))).toString()).toBe('<nota/>')
    const { metaData } = await other.statObject('plain-names', 'notas/2026/17 ção.xml')
    expect(metaData).toMatchObject({ 'content-type': 'application/xml', caixa: '07', cliente: '=?UTF-8?B?Sm9zw6kg4oKs?=' })
    await other.putObject('plain-names', 'fotos/a.png', Buffer.from('png'), 3, { 'Content-Type': 'image/png', 'X-Amz-Meta-Caixa': '9' })
    const head = await blobs.head('fotos/a.png')
    expect({ type: head.contentType, ...head.metadata }).toEqual({ type: 'image/png', caixa: '9' })
    expect(await (await blobs.get('fotos/a.png')).text()).toBe('png')
    await blobs.close()
  })

  test('escaped names: another tool finds the bytes, and its own names are neither listed nor harmed', async () => {
    const blobs = new BlobStorage(await open(engine.env), { adapter: 'oss-minio' })
    const body = Buffer.alloc(9 * 1_048_576, 'parts')
    await blobs.put('big.bin', body)
    expect((await bytesOf(await other.getObject(BUCKET, 'big.bin!'))).equals(body)).toBe(true)
    await other.putObject(BUCKET, 'foreign.txt', 'theirs')
    const keys: string[] = []
    for await (const entry of blobs.list()) keys.push(entry.kind === 'blob' ? entry.key : entry.prefix)
    expect(keys).toEqual(['big.bin'])
    expect((await bytesOf(await other.getObject(BUCKET, 'foreign.txt'))).toString()).toBe('theirs')
    await blobs.close()
  })

  test('200 bodies that nobody reads hold no call back, and free their connections when they are left', async () => {
    const blobs = new BlobStorage(await open({ ...engine.env, PDVEND_BLOB_CONNECTIONS: '20' }), { adapter: 'oss-minio', timeoutMs: 10_000 })
    await blobs.put('small', Buffer.alloc(10_000))
    const unread = await Promise.all(Array.from({ length: 200 }, () => blobs.get('small')))
    expect(await blobs.exists('small')).toBe(true)
    await Promise.all(unread.map((reader) => reader[Symbol.asyncDispose]()))
    await blobs.put('large', Buffer.alloc(1_000_000))
    for (let round = 0; round < 60; round++) await (await blobs.get('large'))[Symbol.asyncDispose]()
    expect(await blobs.exists('large')).toBe(true)
    await blobs.close()
  })
})
