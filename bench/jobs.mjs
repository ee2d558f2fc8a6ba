// Job queues side by side: single enqueue, batch, drain, pickup latency. CPU is that of this process and of the queue's own
// server together; wall time beside it. `npm run bench -- jobs [size]`; size 1 is the default, 0.1 a quick look.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { queues } from './jobs/queues.mjs'

const size = Number(process.argv[2] ?? 1)
const folder = dirname(fileURLToPath(import.meta.url))
const SINGLE = Math.round(1_000 * size)
const BATCH = Math.round(10_000 * size)
const PER_BATCH = 500
const CONCURRENCY = 50
const PICKUPS = Math.round(100 * size)
const OURS = 'local-jobs (FULL)'

const inputOf = (n) => ({ n, text: 'recibo ção '.repeat(8) })
const result = {
  what: 'microseconds a job, but pickup: milliseconds',
  node: process.version,
  cpu: cpus()[0]?.model,
  load: loadavg(),
  size,
  queues: {},
}

for (const [name, open] of Object.entries(queues)) {
  const queue = await open()
  if (queue === undefined) {
    console.log(`${name}: its server is not installed, left out`)
    continue
  }
  // One job through the whole path first: imports, connections and statements are not what is measured.
  await queue.addMany(Array.from({ length: 200 }, (_, n) => inputOf(n)))
  await drain(queue, 200)
  const figures = {
    single: await measure(queue, SINGLE, async () => {
      for (let n = 0; n < SINGLE; n++) await queue.add(inputOf(n))
    }),
    concurrent: await measure(queue, SINGLE, () => Promise.all(Array.from({ length: SINGLE }, (_, n) => queue.add(inputOf(n))))),
    batch: await measure(queue, BATCH, async () => {
      for (let at = 0; at < BATCH; at += PER_BATCH)
        await queue.addMany(Array.from({ length: Math.min(PER_BATCH, BATCH - at) }, (_, n) => inputOf(at + n)))
    }),
    drain: await measure(queue, BATCH + 2 * SINGLE, () => drain(queue, BATCH + 2 * SINGLE)),
    pickup: await pickups(queue),
  }
  await queue.close()
  result.queues[name] = figures
  const shown = Object.entries(figures).map(([what, { cpuUs, wallUs, p50Ms, p99Ms }]) =>
    what === 'pickup' ? `pickup p50 ${p50Ms} p99 ${p99Ms} ms` : `${what} ${cpuUs} us CPU, ${wallUs} us wall`,
  )
  console.log(`${name}: ${shown.join('; ')}`)
}

const mine = result.queues[OURS]
result.ratios = Object.fromEntries(
  Object.entries(result.queues)
    .filter(([name]) => name !== OURS)
    .map(([name, figures]) => [
      name,
      {
        ...Object.fromEntries(
          ['single', 'concurrent', 'batch', 'drain'].flatMap((what) => [
            [`${what} CPU`, round(figures[what].cpuUs / mine[what].cpuUs)],
            [`${what} wall`, round(figures[what].wallUs / mine[what].wallUs)],
          ]),
        ),
        'pickup p50': round(figures.pickup.p50Ms / mine.pickup.p50Ms),
      },
    ]),
)
console.log('theirs / ours (above 1: ours is faster)')
console.table(result.ratios)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/jobs.json'), `${JSON.stringify(result, null, 2)}\n`)
process.exit(0)

/** CPU of this process and the server, and wall time, in microseconds a job. */
async function measure(queue, count, run) {
  globalThis.gc?.()
  const [server, own, at] = [queue.serverCpuMs(), process.cpuUsage(), performance.now()]
  await run()
  const wallMs = performance.now() - at
  const { user, system } = process.cpuUsage(own)
  const serverMs = queue.serverCpuMs() - server
  return {
    cpuUs: round((user + system) / count + (serverMs * 1_000) / count),
    wallUs: round((wallMs * 1_000) / count),
    serverCpuUs: round((serverMs * 1_000) / count),
  }
}

/** Runs all that waits; ends when every job is settled, not only handled. */
async function drain(queue, count) {
  let handled = 0
  let done
  const all = new Promise((resolve) => (done = resolve))
  const handler = async () => {
    if (++handled === count) done()
  }
  if (queue.drain !== undefined) return queue.drain(handler, CONCURRENCY)
  const stop = await queue.work(handler, CONCURRENCY)
  await all
  while (!(await queue.drained())) await new Promise((resolve) => setTimeout(resolve, 1))
  await stop()
}

/** From the call of enqueue to the start of the handler, the worker idle. */
async function pickups(queue) {
  let started
  const stop = await queue.work(async () => started?.(performance.now()), CONCURRENCY)
  const waits = []
  for (let n = 0; n < PICKUPS; n++) {
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 10))
    const begun = new Promise((resolve) => (started = resolve))
    const at = performance.now()
    await queue.add(inputOf(n))
    waits.push((await begun) - at)
  }
  await stop()
  waits.sort((a, b) => a - b)
  return { p50Ms: round(waits[Math.floor(waits.length / 2)]), p99Ms: round(waits[Math.floor(waits.length * 0.99)]) }
}

function round(value) {
  return Math.round(value * 100) / 100
}
