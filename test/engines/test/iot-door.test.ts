import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connectAsync } from 'mqtt'
import { type IotDoor, type RunningEngine, startEngine, startIotDoor, whyMissing } from '../src/index.js'

const missing = await whyMissing('ministack', { named: false })
const suite = missing === undefined ? describe : describe.skip
const reason = missing === undefined ? '' : ` (skipped: ${missing})`

suite(`the door to MiniStack's IoT${reason}`, () => {
  let engine: RunningEngine
  let door: IotDoor
  beforeAll(async () => {
    engine = await startEngine('ministack', { named: false })
    door = await startIotDoor(engine.url)
  }, 120_000)
  afterAll(async () => {
    await door?.stop()
    await engine?.stop()
  }, 60_000)

  test('a device that knows the address alone gets what is published by REST, and is cut', async () => {
    const options = { clientId: 'till-1', protocolVersion: 5, reconnectPeriod: 0 } as const
    await expect(connectAsync(`${engine.url.replace('http', 'ws')}/mqtt`, options, false)).rejects.toThrow(/./)
    const device = await connectAsync(door.webSocketUrl, options, false)
    device.on('error', () => {})
    await device.subscribeAsync('shop/till-1', { qos: 1 })
    const heard = new Promise((resolve) => device.once('message', (topic, payload) => resolve([topic, payload.toString()])))
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const iot = new IoTDataPlaneClient({ endpoint: door.url, region: 'us-east-1', maxAttempts: 1, credentials })
    await iot.send(new PublishCommand({ topic: 'shop/till-1', qos: 1, payload: Buffer.from('olá') }))
    expect(await heard).toEqual(['shop/till-1', 'olá'])
    const closed = new Promise<void>((resolve) => device.once('close', () => resolve()))
    door.cut()
    await closed
    iot.destroy()
  }, 60_000)
})
