// Batches of events into one topic: the telemetry driver against a producer of the same client by hand, on the same broker.
//
// Each figure is of a Node process of its own that sends batches of 500 one after the other, gzip, acks=all, idempotent, after a
// warm-up: CPU time (user and system) and bytes written to sockets, an event. Variants take turns; the median counts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEngine } from '@pdvend/engines'
import { readSettings, silentLogger, systemClock } from '@pdvend/ports'
import { manifest } from '@pdvend/oss-kafka/telemetry'

const rounds = Number(process.argv[2] ?? 5)
const events = Number(process.argv[3] ?? 20_000)
const partitions = process.argv[4] ?? '3'
const folder = dirname(fileURLToPath(import.meta.url))
const variants = ['pdvend-kafkajs', 'raw-kafkajs', 'pdvend-platformatic', 'raw-platformatic']
const figures = ['cpuUs', 'wallUs', 'wireBytes']

const kafka = await startEngine('kafka')
const samples = Object.fromEntries(variants.map((name) => [name, []]))
try {
  for (const name of variants) await provision(name)
  for (let round = 0; round < rounds; round++) for (const name of variants) samples[name].push(run(name))
} finally {
  await kafka.stop()
}

const medians = Object.fromEntries(
  variants.map((name) => [
    name,
    Object.fromEntries(figures.map((figure) => [figure, round2(median(samples[name].map((each) => each[figure])))])),
  ]),
)
const ratios = Object.fromEntries(
  ['kafkajs', 'platformatic'].map((client) => [
    client,
    Object.fromEntries(figures.map((figure) => [figure, round2(medians[`pdvend-${client}`][figure] / medians[`raw-${client}`][figure])])),
  ]),
)
const result = {
  what: `an event, in batches of 500 through one topic of ${partitions} partitions`,
  node: process.version,
  cpu: cpus()[0]?.model,
  kafka: kafka.version,
  rounds,
  events,
  medians,
  ratios,
  target: 'CPU <= 1.05, bytes <= 1.05',
  samples,
}
console.table(medians)
console.log('ours to the raw client, below 1 = cheaper:', ratios)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/kafka-telemetry.json'), `${JSON.stringify(result, null, 2)}\n`)

async function provision(topic) {
  const { settings } = await readSettings(manifest.config, {
    PDVEND_TELEMETRY_BROKERS: kafka.url,
    PDVEND_TELEMETRY_TOPIC: topic,
    PDVEND_TELEMETRY_PARTITIONS: partitions,
  })
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(60_000) }
  const plan = await manifest.provision(settings, { jobs: [] }, deps)
  await plan.apply()
  await plan.close()
}

function run(variant) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(folder, 'kafka-telemetry/sender.mjs'), variant, kafka.url, String(events), partitions],
    {
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`${variant}: ${stderr}`)
  return JSON.parse(stdout)
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

function round2(value) {
  return Math.round(value * 100) / 100
}
