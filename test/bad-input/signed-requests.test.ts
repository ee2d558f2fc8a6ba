import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import { type BlobHandler, createBlobHandler } from '@pdvend/local/blob-handler'
import { createPushUpgrade, type PushUpgrade } from '@pdvend/local/push-upgrade'
import { CANARY, Shop } from './shop.js'

let shop: Shop
let server: Server
let base: string
let clockMs = 0
let push: PushUpgrade
const seen: string[] = []

beforeAll(async () => {
  shop = await Shop.open()
  const clock = { now: () => Date.now() + clockMs, timer: () => ({ cancel: () => undefined }) }
  const handler: BlobHandler = await createBlobHandler(shop.blobs, {
    env: { ...shop.env, PDVEND_BLOB_URL: '/blobs' },
    clock: clock as never,
    log: shop.record.log,
  })
  push = await createPushUpgrade({ env: shop.env })
  server = createServer((request, response) => void handler(request, response))
  server.on('upgrade', (request, socket, head) => void (push.handle(request, socket, head) || socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await shop.blobs.put('before', 'kept')
  await shop.blobs.put('other', 'other')
})
afterAll(async () => {
  const after = await fetch(at((await shop.blobs.sign.get('before')).url))
  expect([after.status, await after.text()]).toEqual([200, 'kept'])
  expect(shop.record.leaks(CANARY)).toEqual([])
  expect(seen.filter((answer) => answer.includes(CANARY) || answer.includes(shop.directory))).toEqual([])
  await push.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await shop.close()
})

/** The signer names the app's public address; the test's server has a port of its own. */
const at = (url: string): string => `${base}${url.replace(/^https?:\/\/[^/]+/, '')}`

/** Sends exactly `path`: fetch would resolve what a hostile client writes. */
async function send(method: string, path: string, headers: { readonly [name: string]: string } = {}, body?: string | Uint8Array) {
  const request = httpRequest(base, { method, path, headers, agent: false })
  request.on('error', () => undefined)
  request.end(body)
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  seen.push(`${JSON.stringify(response.headers)} ${text}`)
  return { status: response.statusCode!, text }
}

const pathOf = (url: string): string => url.replace(/^https?:\/\/[^/]+/, '')

describe('a signed URL', () => {
  test('that is too old is refused with EXPIRED, for every method', async () => {
    const get = pathOf((await shop.blobs.sign.get('before', { ttlMs: 60_000 })).url)
    const put = await shop.blobs.sign.put('late', { contentType: 'text/plain', ttlMs: 60_000 })
    const form = await shop.blobs.sign.post('late', { contentType: 'text/plain', minBytes: 0, maxBytes: 9, ttlMs: 60_000 })
    clockMs = 62_000
    try {
      expect(await send('GET', get)).toMatchObject({ status: 403, text: '{"error":"EXPIRED"}\n' })
      expect(await send('HEAD', get)).toMatchObject({ status: 403 })
      expect(await send('PUT', pathOf(put.url), { 'content-type': 'text/plain' }, 'x')).toMatchObject({ status: 403 })
      expect((await post(form.fields, 'x')).status).toBe(403)
    } finally {
      clockMs = 0
    }
    expect(await shop.blobs.exists('late')).toBe(false)
  })

  test('is refused when any part of it is altered', async () => {
    const { url } = await shop.blobs.sign.get('before', { contentType: 'text/plain', contentDisposition: 'inline' })
    const good = new URL(at(url))
    expect((await send('GET', good.pathname + good.search)).status).toBe(200)
    const altered: string[] = []
    for (const name of good.searchParams.keys()) {
      const value = good.searchParams.get(name)!
      for (const other of ['', `${value}0`, value.slice(1), value.toUpperCase() === value ? `${value}x` : value.toUpperCase()]) {
        const query = new URLSearchParams(good.searchParams)
        query.set(name, other)
        altered.push(`${good.pathname}?${query}`)
      }
      const without = new URLSearchParams(good.searchParams)
      without.delete(name)
      const twice = new URLSearchParams(good.searchParams)
      twice.append(name, value)
      altered.push(`${good.pathname}?${without}`, `${good.pathname}?${twice}`)
    }
    const added = new URLSearchParams(good.searchParams)
    added.set('pv-size', '5')
    altered.push(`${good.pathname}?${added}`, `${good.pathname}`)
    for (const key of ['other', 'befor', 'before2', 'BEFORE', '../before', 'x/../before', 'before/', '%00', '%zz', '%', ''])
      altered.push(`/blobs/${key}${good.search}`)
    for (const path of altered) expect({ path, ...(await send('GET', path)) }).toMatchObject({ path, status: 403 })
  })

  test('is good for its method alone, and for its key alone', async () => {
    const get = pathOf((await shop.blobs.sign.get('before')).url)
    const put = pathOf((await shop.blobs.sign.put('before', { contentType: 'text/plain' })).url)
    const type = { 'content-type': 'text/plain' }
    expect((await send('PUT', get, type, 'overwritten')).status).toBe(403)
    expect((await send('GET', put)).status).toBe(403)
    expect((await send('HEAD', put)).status).toBe(403)
    for (const method of ['DELETE', 'PATCH', 'POST', 'TRACE', 'PROPFIND']) expect((await send(method, put, type, '')).status).toBe(405)
    expect((await send('PUT', put.replace('/before?', '/other?'), type, 'overwritten')).status).toBe(403)
    expect((await send('PUT', put, { 'content-type': 'text/html' }, '<script>')).status).toBe(403)
    expect((await send('PUT', put, {}, 'x')).status).toBe(403)
    expect(await (await shop.blobs.get('before')).text()).toBe('kept')
    expect(await (await shop.blobs.get('other')).text()).toBe('other')
  })

  test('for so many bytes takes no more and no fewer', async () => {
    const { url } = await shop.blobs.sign.put('sized', { contentType: 'text/plain', sizeBytes: 4 })
    const type = { 'content-type': 'text/plain' }
    for (const body of ['', 'abc', 'abcde', 'x'.repeat(1_000_000)]) {
      expect((await send('PUT', pathOf(url), type, body)).status).toBeGreaterThanOrEqual(400)
      expect((await send('PUT', pathOf(url), { ...type, 'transfer-encoding': 'chunked' }, body)).status).toBeGreaterThanOrEqual(400)
    }
    expect(await shop.blobs.exists('sized')).toBe(false)
    expect((await send('PUT', pathOf(url), type, 'abcd')).status).toBe(200)
  })

  test('any path and query is answered, never with a blob', async () => {
    const part = fc.oneof(
      fc.constantFrom('/blobs', '/', '..', '%2e%2e', '%00', '%ff', '?', '&', 'pv-signature=', 'pv-expires=', '9'.repeat(400), '=', '%'),
      fc.string({ unit: fc.constantFrom(...'abc/%?&=.;:@+-_~!0123456789[]{}'.split('')), maxLength: 20 }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'PUT', 'POST', 'HEAD', 'OPTIONS'),
        fc.array(part, { maxLength: 8 }),
        async (method, parts) => {
          const { status } = await send(method, `/blobs/${parts.join('')}`)
          expect(status === 204 ? method : status >= 400 && status < 500 ? 'refused' : status).toMatch(/^(?:OPTIONS|refused)$/)
        },
      ),
      { numRuns: 200 },
    )
  })
})

const BOUNDARY = 'vM9x'

function multipart(fields: { readonly [name: string]: string }, file: string | undefined, fileName = 'file'): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  if (file !== undefined)
    parts.push(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${fileName}"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\n${file}\r\n`,
    )
  return `${parts.join('')}--${BOUNDARY}--\r\n`
}

const formType = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
const post = (fields: { readonly [name: string]: string }, file: string | undefined, fileName?: string) =>
  send('POST', '/blobs', formType, multipart(fields, file, fileName))

describe('a form', () => {
  const policy = { contentType: 'text/plain', minBytes: 2, maxBytes: 100 }
  const stored = async (): Promise<boolean> => shop.blobs.exists('form')

  test('that breaks its policy, or whose policy was altered, stores nothing', async () => {
    const { fields } = await shop.blobs.sign.post('form', policy)
    const grant = JSON.parse(Buffer.from(fields.policy!, 'base64url').toString()) as { readonly [name: string]: unknown }
    const forged = (changes: object): string => Buffer.from(JSON.stringify({ ...grant, ...changes })).toString('base64url')
    const bad: readonly (readonly [{ readonly [name: string]: string }, string | undefined, string?])[] = [
      [fields, 'x'],
      [fields, 'x'.repeat(101)],
      [fields, 'x'.repeat(5_000_000)],
      [fields, undefined],
      [fields, 'good', 'other'],
      [{}, 'good'],
      [{ policy: fields.policy! }, 'good'],
      [{ ...fields, signature: '' }, 'good'],
      [{ ...fields, signature: fields.signature!.slice(1) }, 'good'],
      [{ ...fields, policy: forged({ maxBytes: 1e9 }) }, 'good'],
      [{ ...fields, policy: forged({ key: 'other' }) }, 'good'],
      [{ ...fields, policy: forged({ expires: 1e12 }) }, 'good'],
      [{ ...fields, policy: 'null' }, 'good'],
      [{ ...fields, policy: '%%%' }, 'good'],
      [{ ...fields, note: 'x'.repeat(100_000) }, 'good'],
      [{ ...fields, ...Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`f${at}`, 'x'])) }, undefined],
    ]
    for (const [given, file, name] of bad) {
      const { status } = await post(given, file, name)
      expect({ file: file?.length, name, status: status >= 400 && status < 500 }).toEqual({ file: file?.length, name, status: true })
    }
    expect(await stored()).toBe(false)
    expect((await post(fields, 'good')).status).toBe(204)
    expect(await (await shop.blobs.get('form')).text()).toBe('good')
    await shop.blobs.delete('form')
  })

  test('that is malformed is refused and stores nothing', async () => {
    const { fields } = await shop.blobs.sign.post('form', policy)
    const whole = multipart(fields, 'good')
    const bodies: readonly (readonly [{ readonly [name: string]: string }, string])[] = [
      [formType, ''],
      [formType, `--${BOUNDARY}`],
      [formType, whole.slice(0, whole.length - 14)],
      [formType, whole.replaceAll(BOUNDARY, 'other')],
      [formType, whole.replaceAll('\r\n', '\n')],
      [formType, whole.replaceAll('form-data', 'attachment')],
      [formType, `--${BOUNDARY}\r\n${'X-Long: y\r\n'.repeat(20_000)}\r\n\r\n--${BOUNDARY}--`],
      [formType, '\0'.repeat(100_000)],
      [{ 'content-type': 'multipart/form-data' }, whole],
      [{ 'content-type': 'multipart/form-data;' }, whole],
      [{ 'content-type': 'multipart/form-data; boundary=' }, whole],
      [{ 'content-type': `multipart/form-data; boundary=${'x'.repeat(5_000)}` }, whole],
      [{ 'content-type': 'application/json' }, '{"__proto__":{}}'],
      [{}, whole],
    ]
    for (const [at, [headers, body]] of bodies.entries()) {
      const { status } = await send('POST', '/blobs', headers, body)
      expect({ at, status, refused: status >= 400 && status < 500 }).toEqual({ at, status, refused: true })
    }
    expect(await stored()).toBe(false)
  })

  test('of any bytes is answered, and stores nothing', async () => {
    const { fields } = await shop.blobs.sign.post('form', policy)
    const whole = Buffer.from(multipart(fields, 'good'))
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 12 }), async (from, noise) => {
        // Whatever follows the file's part may be anything; what comes before it is the form.
        const body = Buffer.concat([whole.subarray(0, from), noise, whole.subarray(from + noise.length)])
        const { status } = await send('POST', '/blobs', formType, body)
        if (status === 204) await shop.blobs.delete('form')
        else expect(status >= 400 && status < 500).toBe(true)
      }),
      { numRuns: 100 },
    )
    expect(await stored()).toBe(false)
  })
})

test('a client that goes away in the middle leaves no blob and no file', async () => {
  const put = pathOf((await shop.blobs.sign.put('half', { contentType: 'text/plain' })).url)
  const { fields } = await shop.blobs.sign.post('half', { contentType: 'text/plain', minBytes: 0, maxBytes: 1e6 })
  const form = multipart(fields, 'x'.repeat(500_000))
  const heads = [
    [`PUT ${put} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 900000\r\n\r\n`, 'x'.repeat(300_000)],
    [
      `POST /blobs HTTP/1.1\r\nhost: x\r\ncontent-type: ${formType['content-type']}\r\ncontent-length: ${form.length}\r\n\r\n`,
      form.slice(0, 300_000),
    ],
  ] as const
  for (const [head, body] of heads) {
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    await new Promise((resolve) => socket.write(head + body, resolve))
    socket.resetAndDestroy()
  }
  await send('GET', '/blobs/none')
  expect(await shop.blobs.exists('half')).toBe(false)
})

test.each(['//', '//[', '/push\\..', '*', 'http://[', '/push?x=%', '/other'])(
  'an upgrade to %s is refused and the server lives',
  async (path) => {
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n`)
    socket.resume()
    await once(socket, 'close')
    expect((await send('GET', '/blobs/none')).status).toBe(403)
  },
)
