// A share group beside the classic consumer loops of kafkajs and @platformatic/kafka, on one Kafka: what a member drains of one
// partition when each batch is settled (or committed) before the next, and how soon another member gets what a killed one had.
// `npm run bench -- kafka-share [size]`; size 1 is the default, 0.1 a quick look.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startEngine } from '@pdvend/engines'
import { Admin, Producer } from '@platformatic/kafka'
import { members } from './kafka-share/members.mjs'

const size = Number(process.argv[2] ?? 1)
const folder = dirname(fileURLToPath(import.meta.url))
const COUNTS = { 500: 50_000, 50: 20_000, 10: 5_000, 1: 1_000 }
const ROUNDS = 3
const OURS = 'share group'

const engine = await startEngine('kafka')
const brokers = [engine.url]
const value = Buffer.from('x'.repeat(200))
const admin = new Admin({ clientId: 'bench', bootstrapBrokers: brokers, retries: 10 })
const producer = new Producer({ clientId: 'bench', bootstrapBrokers: brokers, idempotent: true })
let names = 0

const result = {
  what: 'records a second by batch, best of the rounds; redelivery: milliseconds from kill -9 to the next member',
  node: process.version,
  cpu: cpus()[0]?.model,
  load: loadavg(),
  kafka: engine.version,
  size,
  drain: {},
  redelivery: {},
}
try {
  // The cluster's first group of each kind waits for the topics that keep the groups' state.
  for (const name of Object.keys(members)) await drain(name, 10, 100)
  for (const [batch, count] of Object.entries(COUNTS)) {
    result.drain[batch] = Object.fromEntries(Object.keys(members).map((name) => [name, 0]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of Object.keys(members)) {
        const perSecond = await drain(name, Number(batch), Math.max(Number(batch), Math.round(count * size)))
        result.drain[batch][name] = Math.max(result.drain[batch][name], perSecond)
      }
    }
  }
  for (const name of Object.keys(members)) {
    for (let tries = 0; tries < 3; tries++) result.redelivery[name] ??= await redelivery(name)
  }
} finally {
  await producer.close()
  await admin.close()
  await engine.stop()
}
const rows = [
  ...Object.entries(result.drain).map(([batch, row]) => [`drain by ${batch}, records/s`, row]),
  ['redelivery, ms', result.redelivery],
]
console.table(Object.fromEntries(rows))
result.ratios = Object.fromEntries(
  rows.map(([what, row]) => [
    what,
    Object.fromEntries(
      Object.entries(row).map(([name, figure]) => [
        name,
        Number((what.startsWith('drain') ? figure / row[OURS] : row[OURS] / figure).toFixed(2)),
      ]),
    ),
  ]),
)
console.log('as ratios to the share group (above 1: faster than it)')
console.table(result.ratios)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/kafka-share.json'), `${JSON.stringify(result, null, 2)}\n`)
process.exit(0)

/** Records a second, from the end of the first batch on. */
async function drain(name, batch, count) {
  const topic = await makeTopic(1)
  await fill(topic, 0, count)
  let [handled, first, startedMs] = [0, 0, 0]
  const last = count - (count % batch)
  const ended = deferred()
  const handle = async (taken) => {
    handled += taken
    if (first === 0) [first, startedMs] = [taken, performance.now()]
    else if (handled >= last) ended.resolve(performance.now() - startedMs)
  }
  const close = await members[name]({ brokers, topic, group: topic, batch, handle })
  const tookMs = await ended.promise
  await close()
  return Math.round(((handled - first) / tookMs) * 1_000)
}

/**
 * Milliseconds from the kill of a member with records in hand until another member has them. Classic members have a partition
 * each, and the other takes over the dead one's; members of the share group are at one partition.
 */
async function redelivery(name) {
  const shares = name === OURS
  const topic = await makeTopic(shares ? 1 : 2)
  const options = { name, brokers, topic, group: topic }
  const total = 20
  let handled = 0
  const ended = deferred()
  const handle = async (taken) => {
    handled += taken
    if (handled === total) ended.resolve(performance.now())
  }
  const hold = () =>
    spawn(process.execPath, [join(folder, 'kafka-share/holder.mjs'), JSON.stringify({ ...options, batch: 10 })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const survive = () => members[name]({ ...options, batch: 1, handle })
  let [holder, close] = []
  if (shares) {
    await fill(topic, 0, total)
    holder = hold()
    await once(holder.stdout, 'data')
    close = await survive()
  } else {
    close = await survive()
    holder = hold()
    // Until both have joined; with records there would be one who takes them all.
    await sleep(8_000)
    await Promise.all([fill(topic, 0, total / 2), fill(topic, 1, total / 2)])
    await once(holder.stdout, 'data')
  }
  await sleep(1_000)
  const early = handled === total
  const killedMs = performance.now()
  holder.kill('SIGKILL')
  const tookMs = Math.round((await ended.promise) - killedMs)
  await close()
  // The group had not settled yet: one member had both partitions.
  return early ? undefined : tookMs
}

async function makeTopic(partitions) {
  const topic = `bench-${++names}`
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  return topic
}

async function fill(topic, partition, count) {
  for (let at = 0; at < count; at += 500) {
    const messages = Array.from({ length: Math.min(500, count - at) }, () => ({ topic, partition, value }))
    await producer.send({ messages, acks: -1 })
  }
}

function deferred() {
  const made = {}
  made.promise = new Promise((resolve) => (made.resolve = resolve))
  return made
}
