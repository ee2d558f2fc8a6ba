// Push over a real Mosquitto with the journal on PostgreSQL, against raw mqtt.js on the same broker: publish, and delivery to
// 1, 100 and 1,000 devices. Ours keeps each message on disk before it is accepted, hears the handler's acknowledgement and
// has credentials for each device; the raw one does neither, so its figures are a floor, not a peer. `ours without a
// journal` is what the adapter itself costs. App, devices and raw clients run in this process, so the CPU is that of both
// ends. Ratios are what to read.
//   node push-mqtt.mjs [messages=2000] [most devices=1000]
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import { z } from 'zod'
import { connectDevice } from '@pdvend/device'
import { startEngine } from '@pdvend/engines'
import { ossEmq } from '@pdvend/oss-emq'
import { defineMessage, PushNotifications, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { counting, timed } from './push/deliveries.mjs'

const messages = Number(process.argv[2] ?? 2_000)
const most = Number(process.argv[3] ?? 1_000)
const sizes = [1, 100, 1_000].filter((size) => size <= most)
const folder = dirname(fileURLToPath(import.meta.url))
const note = defineMessage('bench.note', { body: z.object({ n: z.number(), text: z.string() }), ttlMs: 600_000 })
const text = 'x'.repeat(200)

const [broker, database] = await Promise.all([startEngine('mosquitto', { named: false }), startEngine('postgres', { named: false })])
try {
  const raw = await measureRaw()
  const bare = await measureOurs({ ...broker.env, PDVEND_PUSH_NAMESPACE: 'bare' })
  const ours = await measureOurs({ ...broker.env, ...database.env, PDVEND_PUSH_NAMESPACE: 'kept' })
  const result = {
    what: 'messages (one by one, to one) or deliveries (to many) per second, publish to handled; CPU microseconds of each, both ends',
    node: process.version,
    cpu: cpus()[0]?.model,
    load: loadavg()[0],
    broker: `Mosquitto ${broker.version}`,
    journal: `PostgreSQL ${database.version}`,
    messages,
    ours,
    withoutJournal: bare,
    raw,
    rawToOurs: ratios(raw, ours),
    rawToWithoutJournal: ratios(raw, bare),
    cpuOursToRaw: ratios(ours, raw, 'cpuUsEach'),
    cpuWithoutJournalToRaw: ratios(bare, raw, 'cpuUsEach'),
  }
  console.table({ 'ours, journal on PostgreSQL': flat(ours), 'ours without a journal': flat(bare), 'raw mqtt.js': flat(raw) })
  console.table({
    'raw : ours, rate': result.rawToOurs,
    'raw : without journal, rate': result.rawToWithoutJournal,
    'ours : raw, CPU': result.cpuOursToRaw,
    'without journal : raw, CPU': result.cpuWithoutJournalToRaw,
  })
  mkdirSync(join(folder, 'results'), { recursive: true })
  writeFileSync(join(folder, 'results/push-mqtt.json'), `${JSON.stringify(result, null, 2)}\n`)
} finally {
  await Promise.all([broker.stop(), database.stop()])
}

async function measureOurs(env) {
  const { settings } = await readSettings(ossEmq.config, env)
  const driver = await ossEmq.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
  const push = new PushNotifications(driver, { adapter: 'oss-emq', capabilities: driver.capabilities })
  const counter = counting()
  const names = Array.from({ length: Math.max(...sizes) }, (_, index) => `till-${index}`)
  const groups = (index) => sizes.filter((size) => size > 1 && index < size).map((size) => `g${size}`)
  const connectedAt = performance.now()
  const devices = []
  for (let from = 0; from < names.length; from += 20)
    devices.push(
      ...(await Promise.all(
        names.slice(from, from + 20).map(async (name, offset) => {
          const connection = () => push.credentials.issue(name, { ttlMs: 3_600_000, groups: groups(from + offset) })
          const device = connectDevice({ connection, transport: 'tcp', heartbeatMs: 600_000 })
          device.on(note, counter.count)
          if (device.status !== 'online') await new Promise((resolve) => device.onStatus((status) => status === 'online' && resolve()))
          return device
        }),
      )),
    )
  const connectMs = (performance.now() - connectedAt) / names.length
  const figures = await passes(
    counter,
    (to) => (n) => push.publish(to === 1 ? { device: names[0] } : { group: `g${to}` }, note, { n, text }),
  )
  await Promise.all(devices.map((device) => device.close()))
  await push.close()
  return { ...figures, connect: { perSecond: Math.round(1_000 / connectMs), cpuUsEach: 0 } }
}

async function measureRaw() {
  const { PDVEND_PUSH_URL: url, PDVEND_PUSH_USERNAME: username, PDVEND_PUSH_PASSWORD: password } = broker.env
  const options = { username, password, protocolVersion: 5, reconnectPeriod: 0 }
  const counter = counting()
  const connectedAt = performance.now()
  const clients = []
  for (let index = 0; index < Math.max(...sizes); index++) {
    const client = await mqtt.connectAsync(url, { ...options, clientId: `c${index}` })
    client.stream.setNoDelay(true)
    client.on('message', (_topic, payload) => {
      JSON.parse(payload.toString())
      counter.count()
    })
    await client.subscribeAsync([`raw/d/${index}`, ...sizes.filter((size) => size > 1 && index < size).map((size) => `raw/g/${size}`)], {
      qos: 1,
    })
    clients.push(client)
  }
  const connectMs = (performance.now() - connectedAt) / clients.length
  const publisher = await mqtt.connectAsync(url, { ...options, clientId: 'publisher' })
  publisher.stream.setNoDelay(true)
  const figures = await passes(
    counter,
    (to) => (n) => publisher.publishAsync(to === 1 ? 'raw/d/0' : `raw/g/${to}`, JSON.stringify({ n, text }), { qos: 1 }),
  )
  await Promise.all([...clients, publisher].map((client) => client.endAsync(true)))
  return { ...figures, connect: { perSecond: Math.round(1_000 / connectMs), cpuUsEach: 0 } }
}

async function passes(counter, publishTo) {
  const figures = { oneByOne: await timed(counter, Math.ceil(messages / 4), 1, publishTo(1), 1) }
  for (const size of sizes) {
    const count = Math.max(20, Math.ceil((messages / size) * (size === 1 ? 1 : 5)))
    await timed(counter, Math.ceil(count / 5), size, publishTo(size), 10)
    figures[`to${size}`] = await timed(counter, count, size, publishTo(size), size === 1 ? 100 : 10)
  }
  return figures
}

function ratios(over, under, field = 'perSecond') {
  return Object.fromEntries(
    Object.keys(over)
      .filter((name) => under[name][field] > 0)
      .map((name) => [name, Math.round((over[name][field] / under[name][field]) * 100) / 100]),
  )
}

function flat(figures) {
  return Object.fromEntries(Object.entries(figures).map(([name, { perSecond, cpuUsEach }]) => [name, `${perSecond}/s, ${cpuUsEach} us`]))
}
