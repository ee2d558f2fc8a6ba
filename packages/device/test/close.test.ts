import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { DeviceConnection } from '@pdvend/ports/wire'
import { connectDevice } from '../src/index.js'

let broker: Server
let connections = 0
beforeAll(async () => {
  broker = createServer(() => void (connections += 1)).listen(0, '127.0.0.1')
  await once(broker, 'listening')
})
afterAll(() => void broker.close())

test('who closes while a connection is being looked for waits for nothing, and connects no more', async () => {
  let found!: (connection: DeviceConnection) => void
  let asked!: () => void
  const asking = new Promise<void>((resolve) => (asked = resolve))
  const device = connectDevice({
    connection: () => {
      asked()
      return new Promise((resolve) => (found = resolve))
    },
  })
  await asking
  await device.close()
  found(connection())
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(connections).toBe(0)
}, 5_000)

test('who closes in the very moment in which it is found connects no more', async () => {
  let closing: Promise<void> | undefined
  const device = connectDevice({
    connection: async () => {
      queueMicrotask(() => void (closing = device.close()))
      return connection()
    },
  })
  while (closing === undefined) await new Promise((resolve) => setTimeout(resolve, 1))
  await closing
  expect(device.status).toBe('offline')
}, 5_000)

function connection(): DeviceConnection {
  const now = Date.now()
  const access = { clientId: 'till-1', username: 'till-1', password: 'none', protocolVersion: 4 as const, keepAliveSeconds: 5 }
  const times = { issuedAt: new Date(now).toISOString(), expiresAt: new Date(now + 60_000).toISOString() }
  const { port } = broker.address() as AddressInfo
  return { device: 'till-1', urls: [`mqtt://127.0.0.1:${port}`], subscribe: [], publish: 'up', ...access, ...times }
}
