import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, runCase, suiteOf, type TestRunner } from '@pdvend/contract'
import { ossEmq } from '@pdvend/oss-emq'
import { defineAdapter, type DeviceConnection, type IssueRequest, type PushDriver } from '@pdvend/ports'
import { deviceConnection } from '@pdvend/push-mqtt'
import { abilities, type BrokerEngine, brokerEngine, whyNoBroker } from './broker.js'

const suite = suiteOf('push')
const missing = await whyNoBroker('hivemq')
const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
/** What only a broker with rules for each device can keep; this one knows a single user. */
const RULES = new Set(['P3', 'P46', 'P47', 'P48', 'P49', 'P50', 'P51'])

/**
 * After kill -9 HiveMQ CE 2025.5 was seen, now and then, to take a connection and its subscriptions and to deliver nothing on
 * them for over a minute: what is asked of a killed broker is asked of Mosquitto alone.
 */
const mayRun = ({ id, engine: needs = [] }: (typeof suite.cases)[number]): boolean => !RULES.has(id) && !needs.includes('kill')

/** The adapter where the operator lets devices in: the test lends them the app's own user. */
const lending = defineAdapter({
  ...ossEmq,
  open: async (settings, deps) => {
    const driver: PushDriver = await ossEmq.open(settings, deps)
    const ns = settings.namespace
    const issue = async (device: string, { ttlMs, groups }: IssueRequest): Promise<DeviceConnection> => ({
      ...deviceConnection(ns, device, {
        groups,
        credential: { username: settings.username!, password: settings.password!.reveal() },
        urls: [settings.url, settings.webSocketUrl!],
        protocolVersion: 5,
        keepAliveSeconds: settings.keepAliveSeconds,
        expiresAt: deps.clock.now() + ttlMs,
        issuedAt: deps.clock.now(),
      }),
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

if (missing !== undefined) test.skip(`contract of push: oss-emq on HiveMQ (skipped: ${missing})`, () => {})
else {
  const { kill: _kill, ...unkilled } = abilities
  const start = async (): Promise<BrokerEngine> => {
    const { kill: _, ...engine } = await brokerEngine('hivemq')
    return engine
  }
  describeContract(ossEmq, { engine: start, abilities: unkilled, runner })
  describe('the same with the app’s user lent to devices', () => {
    let engine: BrokerEngine
    beforeAll(async () => (engine = await start()), 120_000)
    afterAll(() => engine.stop!(), 60_000)
    for (const clause of suite.cases.filter(mayRun))
      test(`${clause.id} ${clause.title}`, async () => void (await runCase(suite, clause, lending, engine)), 95_000)
  })
}
