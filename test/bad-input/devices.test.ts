import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connectDevice } from '@pdvend/device'
import { defineMessage, type DeviceConnection } from '@pdvend/ports'
import { z } from 'zod'
import { CANARY, Shop } from './shop.js'

const note = defineMessage('device.note', { body: z.string() })

let shop: Shop
let good: DeviceConnection
beforeAll(async () => {
  shop = await Shop.open()
  good = await shop.push.credentials.issue('till-1', { ttlMs: 60_000 })
  await shop.push.publish({ device: 'till-1' }, note, 'before', { id: 'before' })
})
afterAll(async () => {
  expect(await shop.push.receipts('before')).toMatchObject([{ device: 'till-1', state: 'queued' }])
  expect(shop.record.leaks(CANARY, good.password)).toEqual([])
  await shop.close()
})

describe.each([
  ['+', 'till+1'],
  ['#', '#'],
  ['/', 'till/1'],
  ['$', '$SYS'],
  ['a wildcard level', '+/#'],
  ['empty', ''],
  ['65 characters', 't'.repeat(65)],
  ['a million characters', 't'.repeat(1_000_000)],
  ['an emoji', 'till-🧾'],
  ['an accent', 'balcão'],
  ['a space', 'till 1'],
  ['NUL', 'till\0'],
  ['a line break', 'till-1\r\n'],
  ['a lone surrogate', 'till\ud800'],
  ['..', '..'],
  ['__proto__', '__proto__'],
  ['undefined', undefined],
  ['a BigInt', 1n],
  ['an array that prints as a name', ['till-1']],
])('a device id with %s is refused before anything is sent', (_, given) => {
  const device = given as string
  const code = ['INVALID_ARGUMENT'] as const
  test('by every call', async () => {
    const { push } = shop
    await shop.refusal(() => push.publish({ device }, note, 'x'), code, given === undefined ? /to: got / : /device: got .+; use 1 to 64/)
    await shop.refusal(
      () => push.publish({ group: device }, note, 'x'),
      code,
      given === undefined ? /to: got / : /group: got .+; use 1 to 64/,
    )
    await shop.refusal(() => push.request(device, 'ask', 'x', { timeoutMs: 500 }), code, /device: got /)
    await shop.refusal(() => push.presence.get(device), code, /device: got /)
    await shop.refusal(() => push.credentials.issue(device, { ttlMs: 60_000 }), code, /device: got /)
    await shop.refusal(() => push.credentials.issue('till-2', { ttlMs: 60_000, groups: [device] }), code, /group: got /)
    await shop.refusal(() => push.credentials.revoke(device), code, /device: got /)
    const [bad, fine] = await push.publishMany([
      { to: { device }, message: note, body: 'x' },
      { to: { device: 'till-2' }, message: note, body: 'x' },
    ])
    expect([bad?.error?.code, fine?.receipt?.state]).toEqual(['INVALID_ARGUMENT', 'accepted'])
  })
})

test.each([
  ['another password', (one: DeviceConnection) => ({ ...one, password: `${one.password.slice(0, -2)}xx` })],
  ['the password of another device', (one: DeviceConnection) => ({ ...one, username: one.username.replace('till-1', 'till-9') })],
  ['no password', (one: DeviceConnection) => ({ ...one, password: '' })],
])('a device that comes with %s is not let in, and its password is in nothing that is told', async (_, alter) => {
  const device = connectDevice({ connection: async () => alter(good) as DeviceConnection, reconnect: { firstMs: 20, maxMs: 50 } })
  const statuses: string[] = []
  const denied = new Promise<void>((resolve) =>
    device.onStatus((status, reason) => {
      statuses.push(status)
      shop.record.add(reason)
      if (status === 'denied') resolve()
    }),
  )
  await denied
  shop.record.add(device.lastError)
  await device.close()
  expect(statuses).not.toContain('online')
})
