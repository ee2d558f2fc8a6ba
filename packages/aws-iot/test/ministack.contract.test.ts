import { awsIot } from '@pdvend/aws-iot'
import type { Engine } from '@pdvend/contract'
import { type IotDoor, startEngine, startIotDoor, whyMissing } from '@pdvend/engines'
import { defineAdapter, type DeviceConnection, type IssueRequest, type PushDriver } from '@pdvend/ports'
import { deviceConnection } from '@pdvend/push-mqtt'
import { describeClauses } from './clauses.js'

/** MiniStack 1.5.33, its `AUTH` off. What it lacks is why a clause is left out. */
const RULES = 'it lets in everybody and knows no policies'
const SHARED = 'it brings nothing on shared subscriptions, so that each instance gets all'
const LEFT_OUT: Readonly<Record<string, string>> = {
  P3: RULES,
  P34: 'it does not end connections that are silent for longer than their keep-alive',
  P46: RULES,
  P47: RULES,
  P48: RULES,
  P49: RULES,
  P50: RULES,
  P51: RULES,
  P63a: 'it has no MQTT by TCP',
  P63c: SHARED,
  processes: 'devices are let in by this process alone',
}

const missing = (await whyMissing('ministack')) ?? (await whyMissing('postgres', { named: false }))

/** The adapter, its devices let in by what the test hands out. */
const lending = defineAdapter({
  ...awsIot,
  open: async (settings, deps) => {
    const driver: PushDriver = await awsIot.open(settings, deps)
    const issue = async (device: string, { ttlMs, groups }: IssueRequest): Promise<DeviceConnection> =>
      deviceConnection(settings.namespace, device, {
        groups,
        credential: { username: 'anybody', password: 'anything' },
        urls: settings.urls,
        protocolVersion: 5,
        keepAliveSeconds: settings.keepAliveSeconds,
        expiresAt: deps.clock.now() + ttlMs,
        issuedAt: deps.clock.now(),
      })
    const changes: Partial<PushDriver> = { issue, capabilities: { ...driver.capabilities!, credentials: true } }
    return new Proxy(driver, {
      get(target, name) {
        if (Object.hasOwn(changes, name)) return Reflect.get(changes, name)
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value
      },
    })
  },
})

async function start(): Promise<Engine> {
  const [ministack, database] = await Promise.all([startEngine('ministack'), startEngine('postgres', { named: false })])
  const door: IotDoor = await startIotDoor(ministack.url)
  return {
    name: ministack.name,
    version: ministack.version,
    env: {
      ...database.env,
      PDVEND_PUSH_ENDPOINT: door.url,
      PDVEND_PUSH_URL: door.webSocketUrl,
      PDVEND_PUSH_URLS: door.webSocketUrl,
      PDVEND_PUSH_REGION: 'us-east-1',
      PDVEND_PUSH_ACCESS_KEY: 'test',
      PDVEND_PUSH_SECRET_KEY: 'test',
    },
    restart: () => ministack.restart!(),
    kill: () => ministack.kill!(),
    wipe: () => ministack.wipe!(),
    pause: () => ministack.pause!(),
    async stop() {
      await door.stop()
      await Promise.all([ministack.stop!(), database.stop!()])
    },
  }
}

describeClauses('aws-iot on MiniStack, devices let in by the test', { manifest: lending, start, missing, leftOut: LEFT_OUT })
