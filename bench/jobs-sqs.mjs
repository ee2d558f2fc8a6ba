// Jobs on SQS beside the raw client, sqs-consumer and @message-queue-toolkit/sqs, all on one MiniStack: enqueue one by one and
// many, a drain at concurrency 20, and 1,000 short jobs with one of 60 s among them at concurrency 10.
// `npm run bench -- jobs-sqs [size]`; size 1 is the default, and the long job is never shorter than 6 s.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startEngine } from '@pdvend/engines'
import { peers } from './jobs-sqs/peers.mjs'

const size = Number(process.argv[2] ?? 1)
const folder = dirname(fileURLToPath(import.meta.url))
const SINGLE = Math.round(500 * size)
const JOBS = Math.round(5_000 * size)
const SHORT = Math.round(1_000 * size)
const LONG_MS = Math.max(6_000, 60_000 * size)
const OURS = 'aws-sqs'

const engine = await startEngine('ministack', { named: false })
const result = {
  what: 'CPU of this process in microseconds a job; jobs a second; seconds until the short jobs are done',
  node: process.version,
  cpu: cpus()[0]?.model,
  load: loadavg(),
  ministack: engine.version,
  size,
  figures: {},
}
const inputOf = (n) => ({ n, text: 'recibo ção '.repeat(8) })
let names = 0

try {
  for (const [name, open] of Object.entries(peers)) {
    const peer = await open(engine.url)
    const figures = (result.figures[name] = {})
    const warm = await peer.queue(`warm-${names++}`)
    await warm.addMany(Array.from({ length: 200 }, (_, n) => inputOf(n)))
    await drained(warm, 200, 20)

    const queue = await peer.queue(`drain-${names++}`)
    if (queue.add !== undefined) {
      const single = await measured(SINGLE, async () => {
        for (let n = 0; n < SINGLE; n++) await queue.add(inputOf(n))
      })
      figures['enqueue one by one, CPU us'] = single.cpuUs
    }
    const rest = JOBS - (queue.add === undefined ? 0 : SINGLE)
    const many = await measured(rest, () => queue.addMany(Array.from({ length: rest }, (_, n) => inputOf(n))))
    figures['enqueue many, CPU us'] = many.cpuUs
    figures['enqueue many, jobs/s'] = many.perSecond
    const drain = await measured(JOBS, () => drained(queue, JOBS, 20))
    figures['drain, CPU us'] = drain.cpuUs
    figures['drain, jobs/s'] = drain.perSecond
    figures['short jobs beside a long one, s'] = await besideLong(await peer.queue(`long-${names++}`))
    console.log(name, figures)
    await peer.close()
  }
} finally {
  await engine.stop()
}
console.table(result.figures)
const ours = result.figures[OURS]
const better = (what, figure) => Number((what.endsWith('jobs/s') ? ours[what] / figure : figure / ours[what]).toFixed(2))
result.ratios = Object.fromEntries(
  Object.entries(result.figures)
    .filter(([name]) => name !== OURS)
    .map(([name, row]) => [name, Object.fromEntries(Object.entries(row).map(([what, figure]) => [what, better(what, figure)]))]),
)
console.log(`as ratios to ${OURS} (above 1: ours is better)`)
console.table(result.ratios)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/jobs-sqs.json'), `${JSON.stringify(result, null, 2)}\n`)
process.exit(0)

async function measured(count, work) {
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  const at = performance.now()
  await work()
  const ms = performance.now() - at
  const { user, system } = process.cpuUsage(cpu)
  return { cpuUs: Math.round((user + system) / count), perSecond: Math.round((count * 1_000) / ms) }
}

/** Until the last has run. */
async function drained(queue, count, concurrency) {
  let done = 0
  const { promise, resolve } = open()
  const stop = await queue.work(async () => {
    if (++done === count) resolve()
  }, concurrency)
  await promise
  await stop()
}

/** Seconds until all short jobs have run, while one runs that takes very long. */
async function besideLong(queue) {
  await queue.addMany(Array.from({ length: SHORT + 1 }, (_, n) => inputOf(n)))
  let done = 0
  const { promise, resolve } = open()
  const end = new AbortController()
  const at = performance.now()
  const stop = await queue.work(async ({ n }) => {
    // The first one: whoever takes the jobs in order meets it at once.
    if (n === 0) return sleep(LONG_MS, undefined, { signal: end.signal }).catch(() => {})
    if (++done === SHORT) resolve()
  }, 10)
  await promise
  const seconds = Number(((performance.now() - at) / 1_000).toFixed(1))
  end.abort()
  await stop()
  return seconds
}

function open() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}
