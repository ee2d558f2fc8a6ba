// emit with the disk spool against a pino worker transport, the OpenTelemetry logs SDK and Segment: CPU an event.
//
// Each figure is the CPU time (user and system, worker threads included) of a Node process of its own, from the first event
// until the last has left, after a warm-up. Variants take turns, so that a busy machine is busy for all; the median counts.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const rounds = Number(process.argv[2] ?? 7)
const events = Number(process.argv[3] ?? 50_000)
const folder = dirname(fileURLToPath(import.meta.url))
const variants = ['pdvend', 'pdvend-table', 'pino', 'otel', 'segment']

const sink = spawn(process.execPath, [join(folder, 'telemetry/sink.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] })
const [port] = await once(sink.stdout, 'data')
const host = `http://127.0.0.1:${String(port).trim()}`

const samples = Object.fromEntries(variants.map((name) => [name, []]))
try {
  for (let round = 0; round < rounds; round++) for (const name of variants) samples[name].push(run(name))
} finally {
  sink.kill()
}

const medianUs = figures((values) => median(values))
const result = {
  what: 'CPU microseconds an event, from emit until it has left',
  node: process.version,
  cpu: cpus()[0]?.model,
  rounds,
  events,
  medianUs,
  leastUs: figures((values) => Math.min(...values)),
  ratios: Object.fromEntries(['pino', 'otel', 'segment'].map((peer) => [`pdvendTo${peer}`, round2(medianUs.pdvend / medianUs[peer])])),
  target: 'below every peer, and <= 8 microseconds',
  samples,
}
console.table({ 'median us': result.medianUs, 'least us': result.leastUs })
console.log('ratios, below 1 = cheaper than the peer:', result.ratios)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/telemetry.json'), `${JSON.stringify(result, null, 2)}\n`)

function run(variant) {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-'))
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(folder, `telemetry/${variant}.mjs`), String(events), directory, host],
    {
      encoding: 'utf8',
    },
  )
  rmSync(directory, { recursive: true, force: true })
  if (status !== 0) throw new Error(`${variant}: ${stderr}`)
  return JSON.parse(stdout).cpuUs
}

function figures(pick) {
  return Object.fromEntries(variants.map((name) => [name, round2(pick(samples[name]))]))
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

function round2(value) {
  return Math.round(value * 100) / 100
}
