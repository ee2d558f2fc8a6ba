import assert from 'node:assert/strict'
import { afterAll, beforeAll, test } from '@jest/globals'
import { IDBFactory } from 'fake-indexeddb'
import { connectDevice } from '../src/index.js'

beforeAll(() => void Object.assign(globalThis, { indexedDB: new IDBFactory() }))
afterAll(() => void Reflect.deleteProperty(globalThis, 'indexedDB'))

test('two devices in one browser remember apart, also when the app is slow to let them in', async () => {
  const refusals = ['till-1', 'till-1']
  const devices = ['till-1', 'till-2'].map((device) =>
    connectDevice({
      reconnect: { firstMs: 1, maxMs: 5 },
      connection: async () => {
        if (refusals[0] === device) throw Object.assign(new Error('not yet'), { status: 401, was: refusals.shift() })
        const times = { issuedAt: new Date().toISOString(), expiresAt: new Date(Date.now() + 60_000).toISOString() }
        const access = { clientId: device, username: device, password: 'none', protocolVersion: 4 as const, keepAliveSeconds: 5 }
        return { device, urls: ['mqtt://127.0.0.1:1'], subscribe: [], publish: 'up', ...access, ...times }
      },
    }),
  )
  const names = async (): Promise<string[]> => (await indexedDB.databases()).map(({ name }) => name!).sort((a, b) => a.localeCompare(b))
  while ((await names()).length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(await names(), ['pdvend-device-till-1', 'pdvend-device-till-2'])
  await Promise.all(devices.map((device) => device.close()))
})
