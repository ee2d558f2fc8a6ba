import assert from 'node:assert/strict'
import type { SignedForm, SignedUrl } from '@pdvend/ports'
import { type BlobCase, ownStore, pattern, read, readText, refused, sameBytes } from './kit.js'

/** Statuses by which a store refuses a request that is not signed as it must be. */
const REFUSED = new Set([400, 401, 403, 405])

export const signing: readonly BlobCase[] = [
  {
    id: 'B104',
    title: 'a signed GET works; altered, for another method or key, or too old, it does not',
    needs: ['signedUrls'],
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('pictures/café 1.png', 'picture', { contentType: 'image/png' })
      await blobs.put('secret', 'secret')
      const { url, method, expiresAt } = await blobs.sign.get('pictures/café 1.png', { ttlMs: 60_000 })
      assert.equal(method, 'GET')
      assert.ok(Math.abs(expiresAt.getTime() - subject.clock.now() - 60_000) < 5_000)
      const answer = await fetch(url)
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get('content-type'), 'image/png')
      assert.equal(await answer.text(), 'picture')
      const part = await fetch(url, { headers: { range: 'bytes=2-3' } })
      assert.equal(part.status, 206)
      assert.equal(await part.text(), 'ct')
      assert.equal((await fetch(url, { headers: { 'if-none-match': answer.headers.get('etag')! } })).status, 304)
      for (const other of ['PUT', 'POST', 'DELETE']) await isRefused(url, { method: other, ...(other === 'DELETE' ? {} : { body: 'x' }) })
      for (const other of ['pictures/other.png', 'secret']) await isRefused(pathOf(await blobs.sign.get(other)) + new URL(url).search)
      await isRefused(url.split('?')[0]!)
      const last = url.at(-1)!
      await isRefused(url.slice(0, -1) + (last === '0' ? '1' : '0'))
      await isRefused(url.replace(/expires=(\d+)/i, (_, at: string) => `expires=${Number(at) + 1}`))
      const short = await blobs.sign.get('secret', { ttlMs: 1_000 })
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, short.expiresAt.getTime() - Date.now()) + 1_100))
      await isRefused(short.url)
      assert.equal((await fetch((await blobs.sign.get('not-there')).url)).status, 404)
      const { maxSignedMs } = (await subject.driver()).limits
      for (const ttlMs of [0, -1, Number.NaN, maxSignedMs + 1]) await refused(blobs.sign.get('secret', { ttlMs }), 'INVALID_ARGUMENT')
      await refused(blobs.sign.get('../secret'), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B105',
    title: 'a signed PUT stores bytes of its type and size, and nothing else',
    needs: ['signedUrls'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const signed = await blobs.sign.put('a/b c.png', { contentType: 'image/png' })
      await sends(signed, pattern(100_000))
      sameBytes(await read(blobs, 'a/b c.png'), pattern(100_000))
      assert.equal((await blobs.head('a/b c.png')).contentType, 'image/png')
      await isRefused(signed.url, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/html' } })
      await isRefused(signed.url, { method: 'GET' })
      const sized = await blobs.sign.put('sized', { contentType: 'text/plain', sizeBytes: 5 })
      await isRefused(sized.url, { method: 'PUT', body: '123456', headers: { ...sized.headers, 'content-type': 'text/plain' } })
      assert.equal(await blobs.exists('sized'), false)
      await sends(sized, new TextEncoder().encode('12345'))
      assert.equal(await readText(blobs, 'sized'), '12345')
      await refused(blobs.sign.put('k', { contentType: 'nonsense' }), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B106',
    title: 'a signed form enforces its size range in the store, and its policy cannot be changed',
    needs: ['signedPost'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const form = await blobs.sign.post('upload.png', { contentType: 'image/png', minBytes: 10, maxBytes: 100_000 })
      assert.ok((await post(form, pattern(100_000))).ok)
      sameBytes(await read(blobs, 'upload.png'), pattern(100_000))
      assert.equal((await blobs.head('upload.png')).contentType, 'image/png')
      assert.ok(!(await post(form, pattern(100_001)).catch(() => ({ ok: false }))).ok, 'one byte too many')
      assert.ok(!(await post(form, pattern(2_000_000)).catch(() => ({ ok: false }))).ok, 'far too many')
      assert.ok(!(await post(form, pattern(9))).ok, 'too few')
      sameBytes(await read(blobs, 'upload.png'), pattern(100_000), 'the blob of before')
      for (const field of Object.keys(form.fields)) {
        const text = form.fields[field]!
        const changed = { ...form, fields: { ...form.fields, [field]: text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A') } }
        assert.ok(!(await post(changed, pattern(50))).ok, `field ${field} was changed`)
        const { [field]: _left, ...rest } = form.fields
        assert.ok(!(await post({ ...form, fields: rest }, pattern(50))).ok, `field ${field} was left out`)
      }
      sameBytes(await read(blobs, 'upload.png'), pattern(100_000), 'the blob of before')
      await refused(blobs.sign.post('k', { maxBytes: -1 }), 'INVALID_ARGUMENT')
      await refused(blobs.sign.post('k', { minBytes: 2, maxBytes: 1 }), 'INVALID_ARGUMENT')
    },
  },
  {
    id: 'B108',
    title: 'a signed PUT takes any body: no digest of an empty one is signed into it',
    needs: ['signedUrls'],
    async run(subject) {
      const blobs = await ownStore(subject)
      const signed = await blobs.sign.put('k', { contentType: 'application/octet-stream' })
      for (const body of [pattern(0), pattern(1), pattern(70_000)]) {
        await sends(signed, body)
        sameBytes(await read(blobs, 'k'), body)
      }
      assert.ok(!/e3b0c442|AAAAAA==/.test(signed.url + JSON.stringify(signed.headers)))
    },
  },
  {
    id: 'B109',
    title: 'type and disposition given for the answer of a signed GET are those of the answer',
    needs: ['signedUrls'],
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('k', 'x', { contentType: 'image/png', contentDisposition: 'inline' })
      const contentDisposition = 'attachment; filename="nota 1.xml"'
      const { url } = await blobs.sign.get('k', { contentType: 'application/xml', contentDisposition })
      const answer = await fetch(url)
      assert.equal(answer.headers.get('content-type'), 'application/xml')
      assert.equal(answer.headers.get('content-disposition'), contentDisposition)
      await isRefused(url.replace('attachment', 'inline'))
      await refused(blobs.sign.get('k', { contentDisposition: 'x\r\ny: z' }), 'INVALID_ARGUMENT')
    },
  },
]

/** Address without the query: an adapter may name blobs otherwise than by their keys. */
function pathOf({ url }: { readonly url: string }): string {
  return url.split('?')[0]!
}

async function isRefused(url: string, init?: RequestInit): Promise<void> {
  const answer = await fetch(url, init)
  const text = await answer.text()
  assert.ok(REFUSED.has(answer.status), `${init?.method ?? 'GET'} ${url} was answered with ${answer.status} ${text}`)
  assert.ok(!/^(?:picture|secret)$/.test(text))
}

async function sends({ url, method, headers }: SignedUrl, body: Uint8Array): Promise<void> {
  const answer = await fetch(url, { method, headers, body: body as Uint8Array<ArrayBuffer> })
  assert.ok(answer.ok, `PUT was answered with ${answer.status} ${await answer.text()}`)
}

function post({ url, fields }: SignedForm, body: Uint8Array): Promise<Response> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([body as Uint8Array<ArrayBuffer>]), 'picture.png')
  return fetch(url, { method: 'POST', body: form })
}
