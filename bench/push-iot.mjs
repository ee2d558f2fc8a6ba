// One push through AWS IoT by each way that there is, on the bridge of the tests, which is AWS's protocol and limits over
// Mosquitto in another process: CPU of the app and time until the engine took it, one after the other, and 50 targets at once.
// The way to AWS itself, TLS and the network are not in it: what to read is the CPU, and which way is dearer.
//   node push-iot.mjs [messages=400]
import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { awsIot } from '@pdvend/aws-iot'
import { readSettings, silentLogger, systemClock } from '@pdvend/ports'

const messages = Number(process.argv[2] ?? 400)
const AT_ONCE = 50
const folder = dirname(fileURLToPath(import.meta.url))
const signal = new AbortController().signal
process.env.PDVEND_PUSH_JWT_SECRET = 'the secret of the benchmark, of more than 32 bytes'

const child = fork(join(folder, 'push-iot/bridge.mjs'), { env: process.env })
const { env, version } = await next('env')
try {
  const driver = { mqtt: await open('mqtt'), http: await open('http') }
  const connection = await driver.mqtt.issue('till-1', { ttlMs: 3_600_000, groups: [], regrouped: false, signal })
  child.send(connection)
  await next('subscribed')
  const device = { device: 'till-1' }
  const ways = {
    MQTT: (n) => driver.mqtt.send(device, Buffer.from(String(n)), { signal }),
    'HTTP, SendDirectMessage (a device, no journal)': (n) => driver.http.send(device, Buffer.from(String(n)), { signal }),
    'HTTP, Publish (with a journal, groups, all)': (n) => driver.http.send({ all: true }, Buffer.from(String(n)), { signal }),
  }
  for (const send of Object.values(ways)) await oneByOne(send, 30)
  const result = {
    what: 'microseconds of CPU of the app for each push; milliseconds until the engine took it (median, 99 %) and until the device had it (median)',
    node: process.version,
    cpu: cpus()[0]?.model,
    load: loadavg()[0],
    engine: `IoT bridge over ${version}`,
    messages,
    oneByOne: {},
    atOnce: {},
  }
  for (const [name, send] of Object.entries(ways)) result.oneByOne[name] = await oneByOne(send, messages)
  for (const via of ['mqtt', 'http'])
    result.atOnce[`${via}, ${AT_ONCE} targets`] = await atOnce((n) => driver[via].send({ group: `g${n}` }, Buffer.from('x'), { signal }))
  console.table(result.oneByOne)
  console.table(result.atOnce)
  mkdirSync(join(folder, 'results'), { recursive: true })
  writeFileSync(join(folder, 'results/push-iot.json'), `${JSON.stringify(result, null, 2)}\n`)
  await Promise.all(Object.values(driver).map((one) => one.close()))
} finally {
  child.send('stop')
}

async function open(via) {
  const { settings, problems } = await readSettings(awsIot.config, { ...env, ...process.env, ...env, PDVEND_PUSH_VIA: via })
  if (problems) throw new Error(JSON.stringify(problems))
  return awsIot.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
}

/** Slower than AWS's rate, so that no push waits for its turn. */
async function oneByOne(send, count) {
  const taken = []
  const arrived = []
  let cpu = 0
  for (let n = 0; n < count; n++) {
    const coming = next('arrived', n)
    const cpuAt = process.cpuUsage()
    const at = performance.now()
    await send(n)
    taken.push(performance.now() - at)
    const { user, system } = process.cpuUsage(cpuAt)
    cpu += user + system
    await coming
    arrived.push(performance.now() - at)
    await new Promise((resolve) => setTimeout(resolve, 13))
  }
  const at = (list, part) => Math.round([...list].sort((a, b) => a - b)[Math.floor(list.length * part)] * 100) / 100
  return { cpuUs: Math.round(cpu / count), takenMs: at(taken, 0.5), takenMs99: at(taken, 0.99), arrivedMs: at(arrived, 0.5) }
}

async function atOnce(send) {
  const count = AT_ONCE * 10
  const cpuAt = process.cpuUsage()
  const at = performance.now()
  await Promise.all(Array.from({ length: count }, (_, n) => send(n % AT_ONCE)))
  const { user, system } = process.cpuUsage(cpuAt)
  return { perSecond: Math.round((count * 1_000) / (performance.now() - at)), cpuUs: Math.round((user + system) / count) }
}

function next(field, value) {
  return new Promise((resolve) => {
    const listen = (message) => {
      if (!(field in message) || (value !== undefined && message[field] !== value)) return
      child.off('message', listen)
      resolve(message)
    }
    child.on('message', listen)
  })
}
