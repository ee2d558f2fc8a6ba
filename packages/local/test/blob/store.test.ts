import { mkdtempSync } from 'node:fs'
import { chmod, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createBlobHandler } from '../../src/blob-handler/index.js'
import { openBlobs } from './engine.js'

let directory: string
let env: Record<string, string>

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdvend-blob-'))
  env = { PDVEND_LOCAL_DIR: directory, PDVEND_BLOB_URL: '/blobs', PDVEND_BLOB_SIGNING_KEY: 'canary-7f3a9c51-canary' }
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const files = async (): Promise<string[]> =>
  (await readdir(join(directory, 'blob'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)

describe('the store on disk', () => {
  test('B53 B59 a sweep takes old files that no blob refers to, and leaves those of others and fresh ones', async () => {
    const first = await openBlobs(env)
    await first.put('large', new Uint8Array(300_000))
    const [kept] = await files()
    const folder = join(directory, 'blob', kept!.slice(0, 2))
    const [old, fresh] = ['0'.repeat(32), 'f'.repeat(32)]
    for (const name of [old, fresh]) await writeFile(join(folder, name), 'left over')
    await utimes(join(folder, old), new Date(0), new Date(0))
    await utimes(join(folder, kept!), new Date(0), new Date(0))
    const second = await openBlobs(env)
    while ((await files()).includes(old!)) await new Promise((resolve) => setTimeout(resolve, 5))
    await second.close()
    expect((await files()).sort((one, other) => (one < other ? -1 : 1))).toEqual(
      [kept, fresh].sort((one, other) => (one! < other! ? -1 : 1)),
    )
    await (await first.get('large')).bytes()
    await first.close()
  })

  test('B60 large bodies written at once to a new store do not race for its folders', async () => {
    const blobs = await openBlobs(env)
    const keys = Array.from({ length: 300 }, (_, index) => `k${index}`)
    await Promise.all(keys.map((key) => blobs.put(key, Buffer.alloc(70_000, key))))
    for (const key of keys) expect(Buffer.compare(await (await blobs.get(key)).bytes(), Buffer.alloc(70_000, key))).toBe(0)
    await blobs.close()
  })

  test('B98 a body file that is gone or cut is INTEGRITY_FAILED, not NOT_FOUND and not short', async () => {
    const blobs = await openBlobs(env)
    await blobs.put('large', new Uint8Array(300_000))
    const [name] = await files()
    const path = join(directory, 'blob', name!.slice(0, 2), name!)
    await writeFile(path, new Uint8Array(299_999))
    await expect(blobs.get('large').then((reader) => reader.bytes())).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
    await rm(path)
    await expect(blobs.get('large')).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
    await blobs.close()
  })

  test('processes that start at once agree on one signing key, which only the owner reads', async () => {
    const { PDVEND_BLOB_SIGNING_KEY: _set, ...unset } = env
    const stores = await Promise.all(Array.from({ length: 6 }, () => openBlobs(unset)))
    const file = join(directory, 'blob', 'signing.key')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await files()).toEqual(['signing.key'])
    for (const store of stores) await store.close()
    await chmod(file, 0o600)
    await writeFile(file, 'damaged')
    await expect(openBlobs(unset)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('a signing key that is too short is refused, and no key is ever shown', async () => {
    const error: unknown = await openBlobs({ ...env, PDVEND_BLOB_SIGNING_KEY: 'canary-short' }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    const blobs = await openBlobs(env)
    const { url } = await blobs.sign.get('k')
    expect(JSON.stringify(error) + String(error) + url + (await readFile(join(directory, 'blob.db'))).toString('latin1')).not.toContain(
      'canary',
    )
    await blobs.close()
  })

  test('a directory that is a file is CONFIG_INVALID and names the setting', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    await expect(openBlobs({ ...env, PDVEND_LOCAL_DIR: file })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('PDVEND_LOCAL_DIR') as never,
    })
  })
})

describe('the handler of signed URLs', () => {
  test('a page of the shop cannot be made of an upload: types are not guessed, active ones are sandboxed', async () => {
    const { blobs, fetchPath, close } = await served()
    await blobs.put('page.html', '<script>1</script>')
    const answer = await fetchPath((await blobs.sign.get('page.html')).url)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    await close()
  })

  test('B49 a client that goes away in the middle of an upload publishes nothing, by PUT and by form', async () => {
    const { blobs, origin, close } = await served()
    const put = await blobs.sign.put('put', { contentType: 'text/plain' })
    const form = await blobs.sign.post('form', { contentType: 'text/plain', maxBytes: 1_000_000 })
    const part = (name: string, value: string, file = ''): string =>
      `--b\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`
    const fields = Object.entries(form.fields)
      .map(([name, value]) => part(name, value))
      .join('')
    const head = `${fields}--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n`
    await cutOff(origin + put.url, 'PUT', { ...put.headers, 'content-length': '500000' }, Buffer.alloc(200_000))
    await cutOff(
      origin + form.url,
      'POST',
      { 'content-type': 'multipart/form-data; boundary=b' },
      Buffer.concat([Buffer.from(head), Buffer.alloc(200_000)]),
    )
    const ended = await fetch(origin + form.url, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: `${head}no closing boundary`,
    })
    expect(ended.ok).toBe(false)
    expect(await blobs.exists('put')).toBe(false)
    expect(await blobs.exists('form')).toBe(false)
    await close()
  })

  test('ranges, conditions and other methods are answered as HTTP has them', async () => {
    const { blobs, fetchPath, close } = await served()
    const { etag } = await blobs.put('k.txt', '0123456789')
    const { url } = await blobs.sign.get('k.txt')
    const ask = async (headers: Record<string, string>, method = 'GET') => {
      const answer = await fetchPath(url, { headers, method })
      return [answer.status, await answer.text(), answer.headers.get('content-range')]
    }
    expect(await ask({ range: 'bytes=2-4' })).toEqual([206, '234', 'bytes 2-4/10'])
    expect(await ask({ range: 'bytes=-3' })).toEqual([206, '789', 'bytes 7-9/10'])
    expect(await ask({ range: 'bytes=8-99' })).toEqual([206, '89', 'bytes 8-9/10'])
    expect((await ask({ range: 'bytes=10-' }))[0]).toBe(416)
    expect((await ask({ range: 'bytes=0-1,3-4' }))[0]).toBe(200)
    expect((await ask({ range: 'bytes=2-4', 'if-range': '"other"' }))[0]).toBe(200)
    expect((await ask({ 'if-match': '"other"' }))[0]).toBe(412)
    expect((await ask({ 'if-none-match': `"${etag}"` }))[0]).toBe(304)
    expect(await ask({}, 'HEAD')).toEqual([200, '', null])
    expect((await ask({}, 'DELETE'))[0]).toBe(405)
    await close()
  })
})

async function served() {
  const blobs = await openBlobs(env)
  const handler = await createBlobHandler(blobs, { env })
  const server = createServer((message, response) => void handler(message, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await blobs.close()
  }
  return { blobs, origin, close, fetchPath: (path: string, init?: RequestInit) => fetch(origin + path, init) }
}

/** Sends some bytes of a request and cuts the connection. */
async function cutOff(url: string, method: string, headers: Record<string, string>, bytes: Uint8Array): Promise<void> {
  const sending = request(url, { method, headers })
  sending.on('error', () => undefined)
  await new Promise((resolve) => sending.write(bytes, resolve))
  await new Promise((resolve) => setTimeout(resolve, 50))
  sending.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
}
