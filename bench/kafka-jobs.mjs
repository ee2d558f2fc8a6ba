// Jobs on one partition of one Kafka, beside raw consumer loops of kafkajs and @platformatic/kafka: enqueue one by one and in
// batches, 10,000 jobs of 0 to 5 ms with 10,000 keys at concurrency 100, how soon a killed worker's job runs again, and a second
// worker's first job while the first runs one of 15 s. `npm run bench -- kafka-jobs [size]`; size 1 is the default.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startEngine } from '@pdvend/engines'
import { peers } from './kafka-jobs/peers.mjs'

const size = Number(process.argv[2] ?? 1)
const folder = dirname(fileURLToPath(import.meta.url))
const JOBS = Math.round(10_000 * size)
const SINGLE = Math.round(500 * size)
const BATCH = 500
const OURS = 'oss-kafka'

const engine = await startEngine('kafka')
const result = {
  what: 'enqueue: microseconds a job; drain: jobs a second; redelivery and second worker: milliseconds',
  node: process.version,
  cpu: cpus()[0]?.model,
  load: loadavg(),
  kafka: engine.version,
  size,
  figures: {},
}
const inputOf = (n) => ({ n, text: 'recibo ção '.repeat(8) })
/** The same work for all: 0 to 5 ms. */
const work = (n) => sleep(n % 6)
let names = 0

try {
  const singles = await oneByOne()
  for (const [name, open] of Object.entries(peers)) {
    const peer = await open(engine.url)
    const figures = (result.figures[name] = { 'enqueue one by one, median us': singles[name] })
    const warm = await peer.queue(`bench-warm-${names++}`)
    await warm.addMany(Array.from({ length: 100 }, (_, n) => inputOf(n)))
    await drained(warm, 100)

    const queue = await peer.queue(`bench-drain-${names++}`)
    const at = performance.now()
    for (let n = 0; n < JOBS; n += BATCH) await queue.addMany(Array.from({ length: Math.min(BATCH, JOBS - n) }, (_, k) => inputOf(n + k)))
    figures['enqueue by 500, us'] = Math.round(((performance.now() - at) * 1_000) / JOBS)
    figures['drain, jobs/s'] = Math.round((JOBS * 1_000) / (await drained(queue, JOBS)))
    console.log(name, figures)
    await peer.close()
  }
  for (const name of Object.keys(peers)) {
    result.figures[name]['redelivery after kill -9, ms'] = await redelivery(name)
    result.figures[name]["second worker's first job, ms"] = await second(name)
    console.log(name, result.figures[name])
  }
} finally {
  await engine.stop()
}
console.table(result.figures)
const ours = result.figures[OURS]
result.ratios = Object.fromEntries(
  Object.entries(result.figures)
    .filter(([name]) => name !== OURS)
    .map(([name, row]) => [
      name,
      Object.fromEntries(
        Object.entries(row).map(([what, figure]) => [
          what,
          figure === null ? null : Number((what.startsWith('drain') ? ours[what] / figure : figure / ours[what]).toFixed(2)),
        ]),
      ),
    ]),
)
console.log(`as ratios to ${OURS} (above 1: ours is better)`)
console.table(result.ratios)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/kafka-jobs.json'), `${JSON.stringify(result, null, 2)}\n`)
process.exit(0)

/** All by turns, so that what else the machine does meets them alike; the median of each. */
async function oneByOne() {
  const opened = await Promise.all(Object.entries(peers).map(async ([name, open]) => ({ name, peer: await open(engine.url), took: [] })))
  for (const each of opened) each.queue = await each.peer.queue(`bench-single-${names++}`)
  for (let n = -100; n < SINGLE; n++) {
    for (const { queue, took } of opened) {
      const at = performance.now()
      await queue.add(inputOf(n))
      if (n >= 0) took.push(performance.now() - at)
    }
  }
  await Promise.all(opened.map(({ peer }) => peer.close()))
  return Object.fromEntries(opened.map(({ name, took }) => [name, Math.round(took.sort((a, b) => a - b)[took.length >> 1] * 1_000)]))
}

/** Milliseconds until all are done, joining included. */
async function drained(queue, count) {
  let [done, end] = [0, () => {}]
  const all = new Promise((resolve) => (end = resolve))
  const at = performance.now()
  const stop = await queue.work(async ({ n }) => {
    await work(n)
    if (++done === count) end()
  }, 100)
  await all
  const ms = performance.now() - at
  await stop()
  return ms
}

/** A worker in a process of its own: tells of each job as it starts. */
function worker(name, queue, takesMs) {
  const child = spawn(process.execPath, [join(folder, 'kafka-jobs/worker.mjs'), name, engine.url, queue, String(takesMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const waiting = []
  child.stdout.setEncoding('utf8').on('data', (text) => {
    for (const line of text.trim().split('\n')) for (const wait of waiting) wait(line)
  })
  return { child, told: (what) => new Promise((resolve) => waiting.push((line) => line.startsWith(what) && resolve(performance.now()))) }
}

/** From kill -9 of the worker that runs the only job to its next start, in a worker that was there already; null where it had started there before. */
async function redelivery(name) {
  const peer = await peers[name](engine.url)
  const queueName = `bench-kill-${names++}`
  const queue = await peer.queue(queueName)
  const first = worker(name, queueName, 600_000)
  await first.told('ready')
  const started = first.told('job')
  await queue.add(inputOf(1))
  await started
  const other = worker(name, queueName, 0)
  const again = other.told('job')
  await other.told('ready')
  await sleep(500)
  const at = performance.now()
  first.child.kill('SIGKILL')
  const ms = Math.round((await again) - at)
  // Not by the kill then: the group had given up the worker whose job takes long, and ran it beside it.
  const told = ms < 0 ? null : ms
  other.child.kill('SIGKILL')
  await peer.close()
  return told
}

/** From the start of a second worker's process work to its first job, while the first is in one of 15 s with more behind it. */
async function second(name) {
  const peer = await peers[name](engine.url)
  const queueName = `bench-second-${names++}`
  const queue = await peer.queue(queueName, 2)
  const first = worker(name, queueName, 15_000)
  await first.told('ready')
  const started = first.told('job')
  await queue.addMany(Array.from({ length: 20 }, (_, n) => inputOf(n)))
  await started
  const other = worker(name, queueName, 0)
  const job = other.told('job')
  const at = await other.told('joining')
  const ms = Math.round((await Promise.race([job, sleep(60_000).then(() => performance.now())])) - at)
  for (const { child } of [first, other]) child.kill('SIGKILL')
  await peer.close()
  return ms
}
