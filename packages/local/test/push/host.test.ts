import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { connectDevice, type Device } from '@pdvend/device'
import { localPush } from '@pdvend/local/push'
import { createPushUpgrade } from '@pdvend/local/push-upgrade'
import { defineMessage, PortError, PushNotifications, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { z } from 'zod'

const note = defineMessage('test.note', { body: z.object({ n: z.int() }) })
let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'pdvend-push-host-'))))
afterAll(() => rm(directory, { recursive: true, force: true }))

async function openPush(env: Record<string, string> = {}): Promise<PushNotifications> {
  const read = await readSettings(localPush.config, { PDVEND_LOCAL_DIR: directory, ...env })
  assert.equal(read.problems, undefined)
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(20_000) }
  return new PushNotifications(await localPush.open(read.settings!, deps), { adapter: 'local-push' })
}

function online(device: Device): Promise<void> {
  if (device.status === 'online') return Promise.resolve()
  return new Promise((resolve) => {
    const stop = device.onStatus((status) => {
      if (status !== 'online') return
      stop()
      resolve()
    })
  })
}

function arrival(device: Device, wanted: number): Promise<void> {
  return new Promise((resolve) => void device.on(note, ({ n }) => n === wanted && resolve()))
}

describe('the host of the embedded broker', () => {
  test('another process takes its place and ports when it ends, and devices come back by themselves', async () => {
    const first = await openPush()
    const second = await openPush()
    const device = connectDevice({ connection: () => second.credentials.issue('till-1', { ttlMs: 60_000 }), reconnect: { firstMs: 20 } })
    await online(device)
    const before = await second.credentials.issue('till-2', { ttlMs: 60_000 })
    const lost = new Promise<void>((resolve) => device.onStatus((status) => status === 'offline' && resolve()))
    await first.close()
    await lost
    const arrived = arrival(device, 1)
    await second.publish({ device: 'till-1' }, note, { n: 1 })
    await arrived
    const after = await second.credentials.issue('till-2', { ttlMs: 60_000 })
    assert.deepEqual(after.urls, before.urls)
    await device.close()
    await second.close()
  })

  test('a process that must not host waits for one, and says so when none comes', async () => {
    const host = await openPush()
    const guest = await openPush({ PDVEND_PUSH_HOSTING: 'never' })
    await guest.publish({ device: 'till-3' }, note, { n: 1 })
    await guest.close()
    await host.close()
    await assert.rejects(openPush({ PDVEND_PUSH_HOSTING: 'never' }), (error) => {
      assert.ok(PortError.is(error, 'UNAVAILABLE'), String(error))
      return /PDVEND_PUSH_HOSTING/.test(error.message)
    })
  }, 60_000)

  test('a device that connects while it comes to a group, and so missed the word of it, hears that group at once', async () => {
    const push = await openPush()
    const before = await push.credentials.issue('till-4', { ttlMs: 60_000 })
    await push.credentials.issue('till-4', { ttlMs: 60_000, groups: ['promo'] })
    let fetched = 0
    const device = connectDevice({
      connection: async () => (++fetched === 1 ? before : push.credentials.issue('till-4', { ttlMs: 60_000 })),
    })
    const arrived = arrival(device, 1)
    await online(device)
    while (fetched < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    await push.publish({ group: 'promo' }, note, { n: 1 })
    await arrived
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(fetched, 2)
    await device.close()
    await push.close()
  }, 10_000)

  test('groups that change twice while the word of it is being followed end as they were said last', async () => {
    const push = await openPush()
    let hold: Promise<unknown> = Promise.resolve()
    const device = connectDevice({
      connection: async () => {
        const connection = await push.credentials.issue('till-5', { ttlMs: 60_000 })
        await hold
        return connection
      },
    })
    await push.credentials.issue('till-5', { ttlMs: 60_000, groups: ['promo'] })
    await online(device)
    hold = new Promise((resolve) => setTimeout(resolve, 200))
    await push.credentials.issue('till-5', { ttlMs: 60_000, groups: [] })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await push.credentials.issue('till-5', { ttlMs: 60_000, groups: ['promo'] })
    await new Promise((resolve) => setTimeout(resolve, 500))
    const arrived = arrival(device, 1)
    await push.publish({ group: 'promo' }, note, { n: 1 })
    await arrived
    await device.close()
    await push.close()
  }, 10_000)

  test("a page reaches the broker through the app's own HTTP server", async () => {
    const push = await openPush()
    const upgrade = await createPushUpgrade({ env: { PDVEND_LOCAL_DIR: directory } })
    const server = createServer()
    const passed: string[] = []
    server.on('upgrade', (request, socket, head) => {
      if (upgrade.handle(request, socket, head)) return
      passed.push(request.url!)
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const { port } = server.address() as { port: number }
    const via = (path: string): Device =>
      connectDevice({
        transport: 'ws',
        connection: async () => ({
          ...(await push.credentials.issue('page', { ttlMs: 60_000 })),
          urls: [`ws://127.0.0.1:${port}${path}`],
        }),
      })
    const stranger = via('/other')
    await new Promise<void>((resolve) => stranger.onStatus((status) => status === 'offline' && resolve()))
    await stranger.close()
    assert.ok(passed.includes('/other'))
    const page = via('/push')
    await online(page)
    const arrived = arrival(page, 7)
    await push.publish({ device: 'page' }, note, { n: 7 })
    await arrived
    await page.close()
    await upgrade.close()
    await new Promise((resolve) => server.close(resolve))
    await push.close()
  })
})
