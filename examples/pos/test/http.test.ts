import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createBlobHandler } from '@pdvend/local/blob-handler'
import { BlobStorage, Telemetry } from '@pdvend/ports'
import type { FastifyInstance } from 'fastify'
import type { OfficeView, Problem, SaleAnswer } from '../src/contracts/api.js'
import { buildServer } from '../src/http/server.js'
import { shopOf } from '../src/shop-container.js'
import { BackOffice } from '../src/use-cases/back-office.js'
import { Catalogue } from '../src/use-cases/catalogue.js'
import { ShowCatalogue } from '../src/use-cases/show-catalogue.js'
import { openShop, type TestShop } from './shop-in-a-directory.js'

const ean = '7891000000137'
const offer = { ean, name: 'Açúcar', brand: 'Canavial', category: 'grocery', unit: 'un', cents: 749 } as const
const sale = {
  saleId: '20261123-150000-aaaaaaaa',
  till: 'till-1',
  lines: [{ ean, quantity: 1_000, cents: 749 }],
  payment: { method: 'pix' },
}

let shop: TestShop
let server: FastifyInstance
let url: string
beforeAll(async () => {
  shop = await openShop()
  await shop.container.get(Catalogue).store([offer], async () => undefined)
  const env = { PDVEND_LOCAL_DIR: shop.directory, PDVEND_BLOB_URL: '/blobs' }
  const blobHandler = await createBlobHandler(shop.container.get(BlobStorage), { env })
  server = await buildServer(shopOf(shop.container), { health: async () => 'up', blobHandler, logLevel: 'silent' })
  url = await server.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await server.close()
  await shop[Symbol.asyncDispose]()
})

async function send(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(url + path, { method, headers: { 'content-type': 'application/json', ...headers }, body: text })
}

test.each([
  ['no JSON', '{"saleId":', 400],
  ['an unknown field', { ...sale, discount: 100 }, 400],
  ['a hostile till', { ...sale, till: 'till-1/#' }, 400],
  ['a sale id that climbs', { ...sale, saleId: '../../etc/passwd' }, 400],
  ['no lines', { ...sale, lines: [] }, 400],
  ['a product twice', { ...sale, lines: [...sale.lines, ...sale.lines] }, 400],
  ['a negative quantity', { ...sale, lines: [{ ean, quantity: -1, cents: 749 }] }, 400],
  ['cents with a fraction', { ...sale, lines: [{ ean, quantity: 1_000, cents: 7.5 }] }, 400],
  ['__proto__', '{"__proto__":{"till":"till-1"}}', 400],
  ['half a piece', { ...sale, lines: [{ ean, quantity: 500, cents: 749 }] }, 422],
  ['a product that is not sold', { ...sale, lines: [{ ean: '7891000000267', quantity: 1_000, cents: 1 }] }, 422],
  ['too little cash', { ...sale, payment: { method: 'cash', receivedCents: 100 } }, 422],
  ['an old price', { ...sale, lines: [{ ean, quantity: 1_000, cents: 700 }] }, 409],
  ['a body above the limit', { ...sale, till: 'x'.repeat(300_000) }, 413],
])('a sale with %s is refused with its reason', async (_, body, status) => {
  const response = await send('POST', '/api/sales', body)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toContain('application/problem+json')
  const problem = (await response.json()) as Problem
  expect(problem.title.length).toBeGreaterThan(10)
  expect(JSON.stringify(problem)).not.toMatch(/node_modules|\.js:\d/)
})

test('a sale is closed once: 201, then 200', async () => {
  const answers = [await send('POST', '/api/sales', sale), await send('POST', '/api/sales', sale)]
  expect(answers.map(({ status }) => status)).toEqual([201, 200])
  expect((await answers[1]!.json()) as SaleAnswer).toEqual({ saleId: sale.saleId, totalCents: 749, changeCents: 0, repeated: true })
})

test("PDVend's headers travel with the sale into its event", async () => {
  const headers = { 'X-Telemetry-Transaction-Id': 'transaction-42', 'x-telemetry-caller': 'till-1' }
  await send('POST', '/api/sales', { ...sale, saleId: '20261123-150001-bbbbbbbb' }, headers)
  const telemetry = shop.container.get(Telemetry)
  await telemetry.flush()
  const rows = await telemetry.query({ type: 'sale.closed' })
  const row = rows.find(({ id }) => id === 'sale-20261123-150001-bbbbbbbb')
  expect(row?.context).toMatchObject({ transactionId: 'transaction-42', caller: 'till-1', component: 'pos' })
})

test('the catalogue comes once, zipped, and 304 after that', async () => {
  const first = await fetch(`${url}/api/catalogue`)
  const etag = first.headers.get('etag')!
  expect(first.headers.get('content-encoding')).toBe('gzip')
  expect(await first.json()).toMatchObject({ products: [{ ean, name: 'Açúcar' }] })
  expect((await fetch(`${url}/api/catalogue`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  await send('PUT', `/api/products/${ean}/price`, { cents: 750 })
  expect((await fetch(`${url}/api/catalogue`, { headers: { 'if-none-match': etag } })).status).toBe(200)
  await send('PUT', `/api/products/${ean}/price`, { cents: 749 })
})

test('every answer carries the security headers, and another site may change nothing', async () => {
  for (const path of ['/till', '/office', '/api/office', '/nothing', '/assets/icon.svg']) {
    const { headers } = await fetch(url + path)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('content-security-policy')).not.toContain('unsafe')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  }
  const foreign = await send('PUT', `/api/products/${ean}/price`, { cents: 1 }, { 'sec-fetch-site': 'cross-site' })
  expect(foreign.status).toBe(403)
})

test.each([
  ['GET', '/api/receipts/20261123-150000-zzzzzzzz', undefined, 404],
  ['GET', '/api/receipts/..%2f..%2fsales', undefined, 400],
  ['GET', '/api/sales/20261123-150000-zzzzzzzz', undefined, 404],
  ['PUT', '/api/products/7891000000267/price', { cents: 5 }, 404],
  ['PUT', `/api/products/${ean}/price`, { cents: 0 }, 400],
  ['PUT', `/api/products/${ean}/picture`, { key: 'catalogue/00.json' }, 422],
  ['POST', `/api/products/${ean}/picture-form`, { contentType: 'image/svg+xml' }, 400],
  ['POST', '/api/device/connection', { device: 'till-+/#' }, 400],
  ['POST', '/api/office/imports', { not: 'csv' }, 415],
  ['POST', '/api/office/jobs/discard', { ids: [] }, 400],
  ['GET', '/blobs/catalogue/00.json', undefined, 403],
  ['GET', '/assets/../main.js', undefined, 404],
])('%s %s is refused', async (method, path, body, status) => {
  const response = body === undefined ? await fetch(url + path) : await send(method, path, body)
  expect(response.status).toBe(status)
})

test('a file above the limit is refused while it comes in, and nothing of it is kept', async () => {
  const line = `${'x'.repeat(1_000)}\n`
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode(line.repeat(1_000)))
    },
  })
  const init = { method: 'POST', headers: { 'content-type': 'text/csv' }, body, duplex: 'half' } as RequestInit
  const response = await fetch(`${url}/api/office/imports`, init).catch((error: unknown) => error)
  // The server may end the connection while the file is still coming.
  if (response instanceof Response) expect(response.status).toBe(413)
  const blobs = shop.container.get(BlobStorage)
  for await (const entry of blobs.list({ prefix: 'imports/' })) throw new Error(`kept: ${JSON.stringify(entry)}`)
})

test('the back office comes as server-sent events', async () => {
  const stop = new AbortController()
  const response = await fetch(`${url}/api/office/stream`, { signal: stop.signal })
  let text = ''
  for await (const chunk of response.body!) {
    text += new TextDecoder().decode(chunk as Uint8Array)
    if (text.includes('\n\nevent: office') && text.endsWith('\n\n')) break
  }
  stop.abort()
  const view = JSON.parse(/data: (.*)\n/.exec(text)![1]!) as OfficeView
  expect(view).toMatchObject({ profile: 'local', dead: [], ledger: { dropped: 0, dead: 0 } })
  expect(view.sales!.today.sales).toBeGreaterThanOrEqual(0)
})

test('a catalogue that could not be made once is made at the next request', async () => {
  const good = await shop.container.get(ShowCatalogue).current()
  const broken = { tag: 'broken', view: Promise.reject(new Error('no signature')) }
  const current = jest.spyOn(shop.container.get(ShowCatalogue), 'current')
  current.mockResolvedValueOnce(broken).mockResolvedValueOnce({ ...good, tag: 'broken' })
  try {
    const answers = [await fetch(`${url}/api/catalogue`), await fetch(`${url}/api/catalogue`)]
    expect(answers.map(({ status }) => status)).toEqual([500, 200])
  } finally {
    current.mockRestore()
  }
})

test('trouble in the back office ends with the next view, also when it says what the last one said', async () => {
  const view = await shop.container.get(BackOffice).view()
  const look = jest.spyOn(shop.container.get(BackOffice), 'view').mockResolvedValue(view)
  const leave = new AbortController()
  try {
    const response = await fetch(`${url}/api/office/stream`, { signal: leave.signal })
    const events: string[] = []
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) {
      for (const [, event] of decoder.decode(chunk).matchAll(/^event: (\w+)/gm)) events.push(event!)
      if (events.length === 1) look.mockRejectedValueOnce(new Error('away'))
      if (events.length === 3) break
    }
    expect(events).toEqual(['office', 'trouble', 'office'])
  } finally {
    leave.abort()
    look.mockRestore()
  }
})
