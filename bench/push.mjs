// Push on the embedded broker, against the bare broker (aedes, mqtt.js, QoS 1, nothing kept): publish, delivery to 1 and to
// 100 devices. Ours keeps each message on disk before it is accepted and hears the handler's acknowledgement; the bare one
// does neither, so its figures are a floor, not a peer. Everything in one process, one run; ratios are what to read.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { z } from 'zod'
import { connectDevice } from '@pdvend/device'
import { localPush } from '@pdvend/local/push'
import { defineMessage, PushNotifications, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { counting, timed } from './push/deliveries.mjs'

const messages = Number(process.argv[2] ?? 2_000)
const fanOut = 100
const fanMessages = Math.ceil(messages / 20)
const folder = dirname(fileURLToPath(import.meta.url))
const note = defineMessage('bench.note', { body: z.object({ n: z.number(), text: z.string() }), ttlMs: 600_000 })
const text = 'x'.repeat(200)

const bare = await measureBare()
const ours = await measureOurs()
const ratio = (name) => Math.round((bare[name].perSecond / ours[name].perSecond) * 100) / 100
const result = {
  what: 'messages (to one) or deliveries (to 100) per second, publish to handled; and CPU microseconds of each',
  node: process.version,
  cpu: cpus()[0]?.model,
  messages,
  fanOut,
  ours,
  bare,
  bareToOurs: Object.fromEntries(Object.keys(ours).map((name) => [name, ratio(name)])),
}
console.table({ ours: flat(ours), 'bare broker, nothing kept': flat(bare) })
console.table(result.bareToOurs)
const file = join(folder, 'results/push.json')
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify({ ...existing(file), ...result }, null, 2)}\n`)

async function measureOurs() {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-push-'))
  const { settings } = await readSettings(localPush.config, { PDVEND_LOCAL_DIR: directory })
  const push = new PushNotifications(
    await localPush.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }),
  )
  const counter = counting()
  const names = Array.from({ length: fanOut }, (_, index) => `till-${index}`)
  const devices = await Promise.all(
    names.map(async (name) => {
      const device = connectDevice({ connection: () => push.credentials.issue(name, { ttlMs: 3_600_000 }) })
      device.on(note, counter.count)
      if (device.status !== 'online') await new Promise((resolve) => device.onStatus((status) => status === 'online' && resolve()))
      return device
    }),
  )
  const one = { device: names[0] }
  const figures = {
    oneByOne: await timed(counter, Math.ceil(messages / 4), 1, (n) => push.publish(one, note, { n, text }), 1),
    toOne: await timed(counter, messages, 1, (n) => push.publish(one, note, { n, text }), 100),
    toHundred: await timed(counter, fanMessages, fanOut, (n) => push.publish({ all: true }, note, { n, text }), 10),
  }
  await Promise.all(devices.map((device) => device.close()))
  await push.close()
  rmSync(directory, { recursive: true, force: true })
  return figures
}

async function measureBare() {
  const broker = await Aedes.createBroker({ concurrency: 1_000 })
  const server = createServer(broker.handle)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `mqtt://127.0.0.1:${server.address().port}`
  const counter = counting()
  const clients = await Promise.all(
    Array.from({ length: fanOut }, async (_, index) => {
      const client = await mqtt.connectAsync(url, { clientId: `c${index}` })
      client.on('message', (_topic, payload) => {
        JSON.parse(payload.toString())
        counter.count()
      })
      await client.subscribeAsync([`d/${index}`, 'all'], { qos: 1 })
      return client
    }),
  )
  const publisher = await mqtt.connectAsync(url, { clientId: 'publisher' })
  const send = (topic) => (n) => publisher.publishAsync(topic, JSON.stringify({ n, text }), { qos: 1 })
  const figures = {
    oneByOne: await timed(counter, Math.ceil(messages / 4), 1, send('d/0'), 1),
    toOne: await timed(counter, messages, 1, send('d/0'), 100),
    toHundred: await timed(counter, fanMessages, fanOut, send('all'), 10),
  }
  await Promise.all([...clients, publisher].map((client) => client.endAsync(true)))
  await new Promise((resolve) => broker.close(resolve))
  await new Promise((resolve) => server.close(resolve))
  return figures
}

function flat(figures) {
  return Object.fromEntries(Object.entries(figures).map(([name, { perSecond, cpuUsEach }]) => [name, `${perSecond}/s, ${cpuUsEach} us`]))
}

function existing(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}
