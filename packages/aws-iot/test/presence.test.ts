import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { DeleteConnectionCommand, IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane'
import { clientIdOf } from '@pdvend/push-mqtt'
import { PushNotifications, type PushDriver } from '@pdvend/ports'
import { type BridgeEngine, bridgeEngine, whyNoBridge } from './bridge.js'
import { factsOf, issuing, openDriver, openPush, till, until } from './shop.js'

const missing = await whyNoBridge()
const suite = missing === undefined ? describe : describe.skip
suite(`who is there${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: BridgeEngine
  let plane: IoTDataPlaneClient
  const closing: (() => Promise<void>)[] = []
  beforeAll(async () => {
    engine = await bridgeEngine()
    const { url: endpoint, region } = engine.bridge
    plane = new IoTDataPlaneClient({ endpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  }, 120_000)
  afterEach(async () => {
    engine.bridge.disturb({})
    for (const close of closing.splice(0).reverse()) await close()
  }, 30_000)
  afterAll(async () => {
    plane?.destroy()
    await engine?.stop!()
  }, 60_000)

  let count = 0
  async function shop(): Promise<{
    readonly env: Readonly<Record<string, string>>
    readonly driver: PushDriver
    readonly push: PushNotifications
  }> {
    const env = { ...engine.env, PDVEND_PUSH_NAMESPACE: `presence-${++count}` }
    const driver = await openDriver(env)
    const push = new PushNotifications(driver, { adapter: 'aws-iot' })
    closing.push(() => push.close())
    return { env, driver, push }
  }
  function device(push: PushNotifications, name: string) {
    const made = till(issuing(push), name)
    closing.push(() => made.device.close())
    return made.device
  }

  test.each([
    ['doubled', { double: true }],
    ['late and out of order', { delayMs: 1_000, reorder: true }],
    ['doubled, late and out of order', { double: true, delayMs: 700, reorder: true }],
    ['lost', { drop: true }],
  ])(
    'a device that is cut off again and again ends online, with lifecycle events %s',
    async (_, disturbance) => {
      const { env, driver, push } = await shop()
      const facts = factsOf(driver, 'till-1')
      const till1 = device(push, 'till-1')
      const clientId = clientIdOf(env.PDVEND_PUSH_NAMESPACE!, 'till-1')
      await until(() => till1.status === 'online', 'online')
      engine.bridge.disturb(disturbance)
      for (let times = 1; times <= 4; times++) {
        engine.bridge.cut(clientId)
        await until(() => facts.filter(({ state }) => state === 'online').length > times && till1.status === 'online', 'online again')
      }
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      expect((await push.presence.get('till-1')).state).toBe('online')
      expect(facts.at(-1)!.state).toBe('online')
      await till1.close()
      await until(async () => (await push.presence.get('till-1')).reason === 'closed', 'goodbye')
    },
    60_000,
  )

  test('a device that AWS cut off without its will is known to be gone by the lifecycle event, and back when it is', async () => {
    const { env, driver, push } = await shop()
    const facts = factsOf(driver, 'till-1')
    const till1 = device(push, 'till-1')
    await until(() => facts.length === 1, 'online')
    const clientId = clientIdOf(env.PDVEND_PUSH_NAMESPACE!, 'till-1')
    // Stays away long enough to be missed.
    await till1.close()
    await until(() => facts.at(-1)!.reason === 'closed', 'goodbye')
    const again = till(issuing(push), 'till-1', { reconnect: { firstMs: 60_000, maxMs: 60_000 }, random: () => 1 })
    closing.push(() => again.device.close())
    await until(() => facts.at(-1)!.state === 'online', 'online')
    await plane.send(new DeleteConnectionCommand({ clientId, preventWillMessage: true }))
    await until(() => facts.at(-1)!.state === 'offline', 'offline')
    expect(facts.at(-1)!.reason).toBe('revoked')
    again.device.resume()
    await until(async () => (await push.presence.get('till-1')).state === 'online', 'back')
  }, 60_000)

  test('a new instance knows at once who is there, and who has gone', async () => {
    const { env, push } = await shop()
    const names = Array.from({ length: 30 }, (_, n) => `till-${n}`)
    const devices = names.map((name) => device(push, name))
    await until(() => devices.every(({ status }) => status === 'online'), 'online')
    await devices[0]!.close()
    await until(async () => (await push.presence.get('till-0')).state === 'offline', 'gone')
    const other = await openPush(env)
    closing.push(() => other.close())
    const states = await Promise.all(names.map(async (name) => (await other.presence.get(name)).state))
    expect(states).toEqual(names.map((_, n) => (n === 0 ? 'offline' : 'online')))
    expect(await other.presence.get('till-0')).toMatchObject({ reason: 'closed' })
  }, 60_000)

  test('who went while no instance was there is found out by the next', async () => {
    const { env, push } = await shop()
    const [stays, goes] = [device(push, 'stays'), device(push, 'goes')]
    await until(() => stays.status === 'online' && goes.status === 'online', 'online')
    await push.close()
    const ns = env.PDVEND_PUSH_NAMESPACE!
    await plane.send(new DeleteConnectionCommand({ clientId: clientIdOf(ns, 'goes'), preventWillMessage: true }))
    const driver = await openDriver(env)
    closing.push(() => driver.close())
    const call = { signal: AbortSignal.timeout(20_000) }
    await until(async () => (await driver.presence('goes', call)).state === 'offline', 'gone')
    expect((await driver.presence('stays', call)).state).toBe('online')
  }, 60_000)
})
