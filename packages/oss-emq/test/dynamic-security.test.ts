import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { DeviceConnection } from '@pdvend/ports'
import mqtt, { type MqttClient } from 'mqtt'
import { type BrokerEngine, brokerEngine, whyNoBroker } from './broker.js'
import { openDriver, openPush, till, until } from './shop.js'

const missing = await whyNoBroker('mosquitto')
const suite = missing === undefined ? describe : describe.skip
const CONTROL = '$CONTROL/dynamic-security/v1'

suite(`credentials in Mosquitto's dynamic-security plug-in${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: BrokerEngine
  let admin: MqttClient
  let answer: (data: Readonly<Record<string, unknown>>) => void = () => {}
  beforeAll(async () => {
    engine = await brokerEngine('mosquitto')
    const { PDVEND_PUSH_URL: url, PDVEND_PUSH_USERNAME: username, PDVEND_PUSH_PASSWORD: password } = engine.env
    admin = await mqtt.connectAsync(url!, { username: username!, password: password! })
    admin.on('message', (_topic, payload) => {
      const { responses } = JSON.parse(payload.toString()) as { responses: { correlationData?: string; data?: Record<string, unknown> }[] }
      for (const { correlationData, data } of responses) if (correlationData === 'test') answer(data ?? {})
    })
    await admin.subscribeAsync(`${CONTROL}/response`)
  }, 120_000)
  afterAll(async () => {
    await admin?.endAsync(true)
    await engine?.stop?.()
  }, 60_000)

  const command = (body: object): Promise<Readonly<Record<string, unknown>>> =>
    new Promise((resolve) => {
      answer = resolve
      admin.publish(CONTROL, JSON.stringify({ commands: [{ ...body, correlationData: 'test' }] }))
    })
  const credentials = async (ns: string): Promise<readonly string[]> =>
    ((await command({ command: 'listClients', count: -1, offset: 0 })).clients as string[]).filter((name) =>
      name.startsWith(`device~${ns}~`),
    )

  test('the end of credentials is kept by another instance when the one that issued them is gone', async () => {
    const env = { ...engine.env, PDVEND_PUSH_NAMESPACE: 'heirs' }
    const issuer = await openPush(env)
    const connection = await issuer.credentials.issue('till-1', { ttlMs: 6_000 })
    await issuer.close()
    const heir = await openPush(env)
    const { device } = till(() => heir, 'till-1', { connection: async () => ({ ...connection, expiresAt: '2999-01-01T00:00:00Z' }) })
    await until(() => device.status === 'online', 'the device is online')
    await until(() => device.status !== 'online' && device.status !== 'resyncing', 'it is cut off', 10_000)
    expect(Date.now()).toBeGreaterThan(Date.parse(connection.expiresAt) - 1_000)
    await until(async () => (await heir.presence.get('till-1')).state === 'offline', 'everybody knows')
    expect((await heir.presence.get('till-1')).reason).toBe('expired')
    expect(await credentials('heirs')).toEqual([])
    await device.close()
    await heir.close()
  }, 60_000)

  test('a device that renews again and again leaves nothing behind, and is never cut off', async () => {
    const push = await openPush({ ...engine.env, PDVEND_PUSH_NAMESPACE: 'renews' })
    let issued = 0
    let wanted = true
    const connection = async (): Promise<DeviceConnection> => {
      if (!wanted) throw new Error('the shop gives it no more')
      issued += 1
      return push.credentials.issue('till-1', { ttlMs: 2_500 })
    }
    const { device } = till(() => push, 'till-1', { connection })
    const statuses: string[] = []
    device.onStatus((status) => statuses.push(status))
    const events: string[] = []
    void (async () => {
      for await (const { state } of push.presence.watch()) events.push(state)
    })()
    await until(() => issued >= 5, 'it has renewed four times', 30_000)
    await until(() => device.status === 'online', 'it is online')
    expect(statuses).not.toContain('denied')
    expect(events.filter((state) => state === 'offline')).toEqual([])
    expect((await credentials('renews')).length).toBeLessThanOrEqual(3)
    wanted = false
    await push.credentials.revoke('till-1')
    await until(async () => (await push.presence.get('till-1')).reason === 'revoked', 'everybody knows', 2_000)
    await until(async () => (await credentials('renews')).length === 0, 'nothing is left of it')
    await device.close()
    await push.close()
  }, 60_000)

  test('a plug-in that allows what no rule forbids is refused at start', async () => {
    const set = (allow: boolean) => command({ command: 'setDefaultACLAccess', acls: [{ acltype: 'subscribe', allow }] })
    await set(true)
    await expect(openDriver(engine.env)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('setDefaultACLAccess'),
    })
    await set(false)
    await (await openDriver(engine.env)).close()
  }, 60_000)
})
