// Local blob storage against fs by hand and the peers: CPU and wall time of small puts and gets, torn reads, aborted writes.
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore, stores } from './blob/stores.mjs'

const ROUNDS = 5
const CALLS = 400
const SMALL = new Uint8Array(1_024).fill(7)
const LARGE = 4 * 1_048_576

/** CPU and wall microseconds a call; the best of the rounds, which other work on the machine has disturbed least. */
async function measure(calls, width, work) {
  for (let call = 0; call < calls / 4; call++) await work(call)
  let best = { cpuUs: Infinity, wallUs: Infinity }
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage()
    const start = performance.now()
    for (let call = 0; call < calls; call += width) await Promise.all(Array.from({ length: width }, (_, lane) => work(call + lane)))
    const { user, system } = process.cpuUsage(cpu)
    best = {
      cpuUs: Math.min(best.cpuUs, (user + system) / calls),
      wallUs: Math.min(best.wallUs, ((performance.now() - start) * 1_000) / calls),
    }
  }
  return { cpuUs: Math.round(best.cpuUs), wallUs: Math.round(best.wallUs) }
}

/** Reads while another body of the same key is written: how many are neither the old body nor the new. */
async function tornReads(store) {
  const body = (number) => new Uint8Array(LARGE).fill(number)
  await store.put('torn', body(0))
  let reads = 0
  let torn = 0
  let done = false
  const reader = async () => {
    while (!done) {
      const bytes = await store.get('torn').catch(() => new Uint8Array())
      reads++
      if (bytes.byteLength !== LARGE || Buffer.compare(bytes, Buffer.alloc(LARGE, bytes[0])) !== 0) torn++
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const readers = [reader(), reader()]
  for (let number = 1; number <= 20; number++) await store.put('torn', body(number))
  done = true
  await Promise.all(readers)
  return { reads, torn }
}

/** Streams that fail in the middle: how many of them changed what the key holds. */
async function abortedWrites(store) {
  let damaged = 0
  const tries = 10
  for (let round = 0; round < tries; round++) {
    const key = `abort-${round}`
    await store.put(key, SMALL)
    const failing = async function* () {
      yield Buffer.alloc(200_000)
      throw new Error('the source failed')
    }
    await Promise.resolve(store.stream(key, failing())).catch(() => {})
    const after = await store.get(key).catch(() => new Uint8Array())
    if (Buffer.compare(after, SMALL) !== 0) damaged++
  }
  return { tries, damaged }
}

const results = []
for (const make of stores) {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-blob-'))
  const store = await openStore(make, directory)
  const put = await measure(CALLS, 1, (call) => store.put(`k${call % 100}`, SMALL))
  const putMany = await measure(CALLS, 20, (call) => store.put(`k${call % 100}`, SMALL))
  const get = await measure(CALLS * 2, 1, (call) => store.get(`k${call % 100}`))
  const row = {
    name: store.name,
    durable: store.durable,
    put,
    putMany,
    get,
    torn: await tornReads(store),
    aborted: await abortedWrites(store),
  }
  results.push(row)
  await store.close()
  rmSync(directory, { recursive: true, force: true })
}

const [base] = results
const ratio = (one, other) => (one / other).toFixed(2)
console.log(
  `| store | durable | put 1 KiB CPU | wall | 20 at once CPU | wall | get 1 KiB CPU | torn reads | aborted writes that did damage |`,
)
console.log(`| --- | --- | --- | --- | --- | --- | --- | --- | --- |`)
for (const { name, durable, put, putMany, get, torn, aborted } of results) {
  const figures = [
    `${ratio(put.cpuUs, base.put.cpuUs)} (${put.cpuUs} us)`,
    ratio(put.wallUs, base.put.wallUs),
    ratio(putMany.cpuUs, base.putMany.cpuUs),
    ratio(putMany.wallUs, base.putMany.wallUs),
    `${ratio(get.cpuUs, base.get.cpuUs)} (${get.cpuUs} us)`,
    `${torn.torn} of ${torn.reads}`,
    `${aborted.damaged} of ${aborted.tries}`,
  ]
  console.log(`| ${name} | ${durable ? 'yes' : 'no'} | ${figures.join(' | ')} |`)
}

const folder = join(dirname(fileURLToPath(import.meta.url)), 'results')
await mkdir(folder, { recursive: true })
const machine = { node: process.version, cpus: cpus().length, platform: process.platform }
await writeFile(join(folder, 'blob.json'), `${JSON.stringify({ machine, calls: CALLS, rounds: ROUNDS, results }, null, 2)}\n`)
