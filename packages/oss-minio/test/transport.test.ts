import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { readAll } from '../src/client/body.js'
import { Transport } from '../src/client/transport.js'
import type { TransportError } from '../src/client/transport-error.js'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const open: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function serve(answer: Answer, onContinue?: Answer): Promise<Transport> {
  const server: Server = createServer(answer)
  if (onContinue !== undefined) server.on('checkContinue', onContinue)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const transport = new Transport({ secure: false, host: '127.0.0.1', port, connections: 1, connectTimeoutMs: 1_000, idleTimeoutMs: 400 })
  open.push(async () => {
    transport.close()
    server.closeAllConnections()
    server.close()
  })
  return transport
}

const signal = (): AbortSignal => AbortSignal.timeout(20_000)
const large = Buffer.alloc(700_000, 'x')

function put(transport: Transport, body: Uint8Array, by = signal()) {
  const headers = { host: 'store', 'content-length': String(body.byteLength) }
  return transport.send({ method: 'PUT', target: '/k', headers, body: [body], signal: by })
}

test('a body is sent once, though the store asks for it after the wait for that has ended', async () => {
  let received = 0
  const count: Answer = (request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.byteLength)).once('end', () => response.end('ok'))
  }
  const transport = await serve(count, (request, response) => {
    setTimeout(() => {
      response.writeContinue()
      count(request, response)
    }, 1_300)
  })
  const patient = new Transport({
    ...(transport as unknown as { options: ConstructorParameters<typeof Transport>[0] }).options,
    idleTimeoutMs: 5_000,
  })
  for (let round = 1; round <= 2; round++) {
    const { status, message } = await put(patient, large)
    await readAll(message, signal(), 1_000, 100)
    expect(status).toBe(200)
    expect(received).toBe(round * large.byteLength)
  }
  patient.close()
}, 20_000)

test('a refusal before the body stops the sending, and is the answer', async () => {
  const transport = await serve(
    () => undefined,
    (_, response) => response.writeHead(412).end(),
  )
  for (let round = 0; round < 3; round++) {
    const { status, message } = await put(transport, large)
    message.resume()
    expect(status).toBe(412)
  }
})

test('silence ends a request, before the answer and within a body', async () => {
  const transport = await serve((request, response) => {
    if (request.url === '/k') return
    response.writeHead(200, { 'content-length': '10' }).write('half')
  })
  const error = await put(transport, Buffer.from('x')).catch((thrown: unknown) => thrown as TransportError)
  expect(error).toMatchObject({ code: 'SILENT', sent: true })
  const { message } = await transport.send({ method: 'GET', target: '/half', headers: { host: 'store' }, signal: signal() })
  await expect(readAll(message, signal(), 200, 10)).rejects.toMatchObject({ code: 'SILENT' })
})

test('an abort ends a request at once, also one that waits for a connection', async () => {
  const transport = await serve(() => undefined)
  const abort = new AbortController()
  const both = [put(transport, Buffer.from('x'), abort.signal), put(transport, Buffer.from('x'), abort.signal)]
  setTimeout(() => abort.abort(new Error('enough')), 50)
  for (const { status } of await Promise.allSettled(both)) expect(status).toBe('rejected')
  await expect(put(transport, Buffer.from('x'), AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
})
