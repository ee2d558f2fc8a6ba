import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { type Logger, silentLogger } from '@pdvend/ports'
import { type BrokerEngine, brokerEngine, whyNoBroker } from './broker.js'
import { figures, keepingStore, note, openPush, range, report, till, until } from './shop.js'
import { startToxiproxy } from './toxiproxy.js'

/** 1 is the quick size; 5 is the whole: a device that flaps 1,000 times. */
const scale = Number(process.env.PDVEND_TEST_SCALE ?? 1)
const missing = (await whyNoBroker('mosquitto')) ?? (await whyMissing('toxiproxy', { named: false }))
const skipped = missing === undefined ? '' : ` (skipped: ${missing})`
const suite = missing === undefined ? describe : describe.skip

suite(`push over Mosquitto when things break${skipped}`, () => {
  let engine: BrokerEngine
  let toxiproxy: Awaited<ReturnType<typeof startToxiproxy>>
  const port = (): number => Number(new URL(engine.env.PDVEND_PUSH_URL!).port)
  const env = (namespace: string, more: Readonly<Record<string, string>> = {}) => ({
    ...engine.env,
    PDVEND_PUSH_NAMESPACE: namespace,
    ...more,
  })
  beforeAll(async () => {
    ;[engine, toxiproxy] = await Promise.all([brokerEngine('mosquitto'), startToxiproxy()])
  }, 120_000)
  afterAll(async () => {
    await toxiproxy?.stop()
    await engine?.stop?.()
  }, 60_000)

  test('1,000 pushes to 50 offline devices survive a broker that is killed, then wiped, while they are published', async () => {
    const names = range(1, 50).map((n) => `till-${n}`)
    const first = await openPush(env('wiped'))
    const stores = new Map(names.map((name) => [name, keepingStore()]))
    const before = names.map((name) => till(() => first, name, { store: stores.get(name)! }))
    await until(() => before.every(({ device }) => device.status === 'online'), 'all devices are online')
    await Promise.all(before.map(({ device }) => device.close()))

    const startedAt = Date.now()
    const accepted = new Map<string, number[]>(names.map((name) => [name, []]))
    let refused = 0
    let breaking = Promise.resolve()
    for (let n = 0; n < 1_000; n += 20) {
      if (n === 340) breaking = engine.kill!()
      if (n === 680) breaking = breaking.then(() => engine.wipe!())
      await Promise.all(
        range(n, n + 19).map(async (number) => {
          const name = names[number % 50]!
          await first.publish({ device: name }, note, { n: number }).then(
            () => accepted.get(name)!.push(number),
            () => (refused += 1),
          )
        }),
      )
    }
    await breaking
    const publishedMs = Date.now() - startedAt
    await first.close()

    const second = await openPush(env('wiped'))
    const backAt = Date.now()
    const after = names.map((name) => ({ name, ...till(() => second, name, { store: stores.get(name)! }) }))
    await until(() => after.every(({ name, notes }) => notes.length >= accepted.get(name)!.length), 'all that was accepted is handled')
    const deliveredMs = Date.now() - backAt
    for (const { name, notes } of after) expect(notes).toEqual(accepted.get(name))
    const handled = after.reduce((sum, { notes }) => sum + notes.length, 0)
    await Promise.all(after.map(({ device }) => device.close()))
    await second.close()
    figures('killed and wiped', { accepted: 1_000 - refused, refused, handled, lost: 1_000 - refused - handled, publishedMs, deliveredMs })
  }, 120_000)

  test('a broker that is killed and restarted again and again loses nothing of either direction', async () => {
    const apps = await Promise.all([openPush(env('restarts')), openPush(env('restarts'))])
    const reported = new Map<string, number>()
    for (const app of apps)
      app.onMessage(report, ({ n }, { device }) => void reported.set(`${device}/${n}`, (reported.get(`${device}/${n}`) ?? 0) + 1))
    const tills = range(1, 10).map((n) => ({ name: `till-${n}`, ...till(() => apps[n % 2]!, `till-${n}`, { store: keepingStore() }) }))
    await until(() => tills.every(({ device }) => device.status === 'online'), 'all devices are online')
    const breaks = (async () => {
      for (const how of ['kill', 'restart', 'wipe', 'kill'] as const) {
        await new Promise((resolve) => setTimeout(resolve, 400))
        await engine[how]!()
      }
    })()
    const sent: Promise<void>[] = []
    for (const n of range(1, 60)) {
      await Promise.all(tills.map(({ name }, index) => apps[(index + n) % 2]!.publish({ device: name }, note, { n })))
      for (const { device } of tills) if (n % 3 === 0) sent.push(device.send(report, { n }))
    }
    await breaks
    await Promise.all(sent)
    await until(() => tills.every(({ notes }) => notes.length >= 60), 'every device has all')
    // Of two instances each has an order of its own: nothing twice and nothing lost is what both together promise.
    for (const { notes } of tills) expect([...notes].sort((a, b) => a - b)).toEqual(range(1, 60))
    expect(reported.size).toBe(200)
    await Promise.all(tills.map(({ device }) => device.close()))
    await Promise.all(apps.map((app) => app.close()))
    const twice = [...reported.values()].filter((times) => times > 1).length
    figures('four breaks', { down: 600, handled: 600, up: 200, 'up handled': reported.size, 'up handled twice': twice })
  }, 120_000)

  test('the app notices a half-open connection, stays bounded, and what it accepted arrives', async () => {
    const proxy = await toxiproxy.front(port())
    const app = await openPush(env('half-open', { PDVEND_PUSH_URL: `mqtt://127.0.0.1:${proxy.port}`, PDVEND_PUSH_KEEPALIVE_SECONDS: '1' }))
    const direct = (urls: readonly string[]) => urls.map((url) => url.replace(`:${proxy.port}`, `:${port()}`))
    const { device, notes } = till(() => app, 'till-1', { via: (connection) => ({ ...connection, urls: direct(connection.urls) }) })
    await until(() => device.status === 'online', 'the device is online')
    await proxy.poison('timeout', { timeout: 0 })
    const startedAt = Date.now()
    for (const n of range(1, 3)) expect((await app.publish({ device: 'till-1' }, note, { n })).state).toBe('accepted')
    const publishMs = Date.now() - startedAt
    await until(async () => (await app.ping({ timeoutMs: 200 }).catch((error: unknown) => error)) !== undefined, 'the app knows')
    await proxy.heal()
    await until(() => notes.length >= 3, 'they arrive')
    await proxy.poison('reset_peer', { timeout: 0 })
    await app.publish({ device: 'till-1' }, note, { n: 4 })
    await proxy.heal()
    await proxy.poison('latency', { latency: 150, jitter: 100 })
    for (const n of range(5, 20)) await app.publish({ device: 'till-1' }, note, { n })
    await proxy.heal()
    await until(() => notes.length >= 20, 'they arrive')
    expect(notes).toEqual(range(1, 20))
    await device.close()
    await app.close()
    figures('half-open', { 'three publishes ms': publishMs, 'with the rest ms': Date.now() - startedAt })
  }, 120_000)

  test(
    `a device that flaps ${200 * scale} times ends online, with all, in order, once`,
    async () => {
      const proxy = await toxiproxy.front(port())
      const app = await openPush(env('flaps'))
      const events: string[] = []
      void (async () => {
        for await (const { state } of app.presence.watch()) events.push(state)
      })()
      const { device, notes, asked } = till(() => app, 'till-1', {
        via: (connection) => ({ ...connection, urls: [`mqtt://127.0.0.1:${proxy.port}`] }),
        reconnect: { firstMs: 2, maxMs: 50 },
      })
      const startedAt = Date.now()
      for (const n of range(1, 200 * scale)) {
        await until(() => device.status === 'online' || device.status === 'resyncing', 'it is back')
        await app.publish({ device: 'till-1' }, note, { n })
        await proxy.cut()
      }
      await until(() => notes.length >= 200 * scale, 'it has all')
      expect(notes).toEqual(range(1, 200 * scale))
      await until(async () => device.status === 'online' && (await app.presence.get('till-1')).state === 'online', 'it is online')
      figures('flaps', { flaps: 200 * scale, 'presence events': events.length, 'credentials issued': asked(), ms: Date.now() - startedAt })
      expect(events.at(-1)).toBe('online')
      await device.close()
      await app.close()
    },
    60_000 + 120_000 * scale,
  )

  test('two clients with one client id: the former ends taken over, it is reported, and there is no storm', async () => {
    const warnings: string[] = []
    const log: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) }
    const app = await openPush(env('twins', { PDVEND_PUSH_PROTOCOL: '3.1.1' }), log)
    const changes: string[] = []
    const one = till(() => app, 'till-1', { reconnect: { firstMs: 50, maxMs: 500 } })
    await until(() => one.device.status === 'online', 'the first is online')
    const two = till(() => app, 'till-1', { reconnect: { firstMs: 50, maxMs: 500 } })
    for (const [name, { device }] of Object.entries({ one, two })) device.onStatus((status) => changes.push(`${name} ${status}`))
    await until(() => one.device.status === 'takenOver' && two.device.status === 'online', 'it has settled')
    const settled = changes.length
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect([one.device.status, two.device.status, changes.length]).toEqual(['takenOver', 'online', settled])
    expect(warnings.some((message) => /two clients connect as one device/.test(message))).toBe(true)
    expect((await app.presence.get('till-1')).state).toBe('online')
    figures('twins', { 'status changes': settled, 'credentials issued': one.asked() + two.asked(), reports: warnings.length })
    await Promise.all([one.device.close(), two.device.close()])
    await app.close()
  }, 60_000)
})
