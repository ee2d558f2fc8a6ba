// The adapter aws-s3 against the raw SDK client, both on one MinIO: CPU of small calls, streams of unknown length with their memory,
// and where the SDK's time goes. npm run bench -- aws-s3 [MiB of the streams, default 256]
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEngine } from '@pdvend/engines'
import { bareStore, pdvendStore, sdkStore, sdkVariants, serverOf } from './aws-s3/stores.mjs'

const ROUNDS = 5
const CALLS = 600
const SMALL = new Uint8Array(1_024).fill(7)
const STREAM_BYTES = Number(process.argv[2] ?? 256) * 1_048_576

/** CPU and wall microseconds a call, the best of the rounds; the variants take turns, so that what disturbs one disturbs all. */
async function compare(stores, width, work) {
  const best = new Map(stores.map((store) => [store.name, { cpuUs: Infinity, wallUs: Infinity }]))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const store of stores) {
      globalThis.gc?.()
      const cpu = process.cpuUsage()
      const start = performance.now()
      let call = 0
      const lane = async () => {
        while (call < CALLS) await work(store, call++)
      }
      await Promise.all(Array.from({ length: width }, lane))
      const { user, system } = process.cpuUsage(cpu)
      if (round === 0) continue // the first one warms up
      const row = best.get(store.name)
      row.cpuUs = Math.min(row.cpuUs, Math.round((user + system) / CALLS))
      row.wallUs = Math.min(row.wallUs, Math.round(((performance.now() - start) * 1_000) / CALLS))
    }
  }
  return Object.fromEntries(best)
}

/** Throughput, seconds of CPU, and how far memory had grown at each tenth of the time. */
async function stream(work) {
  globalThis.gc?.()
  const base = process.memoryUsage.rss()
  const samples = []
  const sampler = setInterval(() => samples.push(process.memoryUsage.rss()), 20)
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(sampler)
  const seconds = (performance.now() - start) / 1_000
  const grown = (rss) => Math.max(0, Math.round((rss - base) / 1_048_576))
  return {
    mibPerSecond: Math.round(STREAM_BYTES / 1_048_576 / seconds),
    cpuSeconds: (user + system) / 1e6,
    rssMib: grown(Math.max(base, ...samples)),
    curveMib: Array.from({ length: 10 }, (_, tenth) => grown(samples[Math.floor(((tenth + 1) * samples.length) / 10) - 1] ?? base)),
  }
}

function faster(one, other) {
  return other.mibPerSecond > one.mibPerSecond ? other : one
}

async function* unknownLength() {
  const chunk = new Uint8Array(65_536).fill(1)
  for (let sent = 0; sent < STREAM_BYTES; sent += chunk.byteLength) yield chunk
}

const engine = await startEngine('minio')
const server = await serverOf(engine)
const sdk = sdkStore(server)
const pdvend = await pdvendStore(server)
const bare = bareStore(server)
const variants = sdkVariants(server)
const put = (store, call) => store.put(`k${call % 100}`, SMALL)
const get = (store, call) => store.get(`k${call % 100}`)

const small = {
  put: await compare([sdk, pdvend, bare], 1, put),
  'put, 20 at once': await compare([sdk, pdvend, bare], 20, put),
  get: await compare([sdk, pdvend, bare], 1, get),
  'get, 20 at once': await compare([sdk, pdvend, bare], 20, get),
}
const steps = await compare([sdk, ...variants, bare], 20, put)
// Both read the object that has a CRC-32 of its whole, so that both check it.
await pdvend.upload('checked', unknownLength())
const large = {}
for (const store of [sdk, pdvend, sdk, pdvend]) {
  const up = await stream(() => store.upload('large', unknownLength()))
  const down = await stream(() => store.download('checked'))
  const best = large[store.name] ?? { up, down }
  large[store.name] = { up: faster(best.up, up), down: faster(best.down, down) }
}

const ratio = (one, other) => (one / other).toFixed(2)
console.log('| call of 1 KiB | raw SDK, CPU us | aws-s3 | ratio | SigV4 over node:http | ratio |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (const [name, rows] of Object.entries(small)) {
  const [raw, ours, floor] = [rows[sdk.name].cpuUs, rows[pdvend.name].cpuUs, rows[bare.name].cpuUs]
  console.log(`| ${name} | ${raw} | ${ours} | ${ratio(ours, raw)} | ${floor} | ${ratio(floor, raw)} |`)
}
console.log('\n| put of 1 KiB, 20 at once | CPU us |\n| --- | --- |')
for (const [name, { cpuUs }] of Object.entries(steps)) console.log(`| ${name} | ${cpuUs} |`)
console.log(
  `\n| ${STREAM_BYTES / 1_048_576} MiB of unknown length | MiB/s | CPU s | RSS growth MiB | at each tenth |\n| --- | --- | --- | --- | --- |`,
)
for (const [name, ways] of Object.entries(large))
  for (const [way, { mibPerSecond, cpuSeconds, rssMib, curveMib }] of Object.entries(ways))
    console.log(`| ${name}: ${way} | ${mibPerSecond} | ${cpuSeconds.toFixed(2)} | ${rssMib} | ${curveMib.join(' ')} |`)

for (const store of [sdk, pdvend, bare, ...variants]) await store.close()
await engine.stop()
const folder = join(dirname(fileURLToPath(import.meta.url)), 'results')
await mkdir(folder, { recursive: true })
const machine = { node: process.version, cpus: cpus().length, platform: process.platform }
const results = { machine, calls: CALLS, rounds: ROUNDS, streamMib: STREAM_BYTES / 1_048_576, small, steps, large }
await writeFile(join(folder, 'aws-s3.json'), `${JSON.stringify(results, null, 2)}\n`)
