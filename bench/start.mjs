// Start-up: CPU of starting an app on the local profile, against importing the raw clients that it uses and the container's
// own libraries; and what importing every preset adds to importing the container.
//
// Each figure is the CPU time (user and system) of a Node process of its own, less that of an empty one. Variants take
// turns, so that a busy machine is busy for all; the median is what counts, the least is shown beside it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const rounds = Number(process.argv[2] ?? 21)
const folder = dirname(fileURLToPath(import.meta.url))

const variants = ['empty', 'raw-clients', 'container', 'presets', 'started']
const samples = Object.fromEntries(variants.map((name) => [name, []]))
for (let round = 0; round < rounds; round++) for (const name of variants) samples[name].push(cpuMs(name))

const of = (name, pick) => pick(samples[name]) - pick(samples.empty)
const result = {
  what: 'CPU milliseconds of a process, less those of an empty one',
  node: process.version,
  cpu: cpus()[0]?.model,
  rounds,
  medianMs: figures(median),
  leastMs: figures((values) => Math.min(...values)),
  ratios: {
    startedToRawClients: round2(of('started', median) / of('raw-clients', median)),
    target: '<= 1.1',
    presetsAddMs: round2(of('presets', median) - of('container', median)),
    presetsTarget: '<= 20',
  },
  samples,
}
console.table({ 'median ms': result.medianMs, 'least ms': result.leastMs })
console.log(
  `start of local / import of its raw clients, inversify and zod: ${result.ratios.startedToRawClients} (target ${result.ratios.target})`,
)
console.log(`importing every preset adds ${result.ratios.presetsAddMs} ms (target ${result.ratios.presetsTarget})`)
mkdirSync(join(folder, 'results'), { recursive: true })
writeFileSync(join(folder, 'results/start.json'), `${JSON.stringify(result, null, 2)}\n`)

/** Runs `start/<variant>.mjs` in a Node of its own, which tells its CPU time in milliseconds when it is done. */
function cpuMs(variant) {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-'))
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, `start/${variant}.mjs`), directory], { encoding: 'utf8' })
  rmSync(directory, { recursive: true, force: true })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

function figures(pick) {
  return Object.fromEntries(variants.map((name) => [name, round2(name === 'empty' ? pick(samples.empty) : of(name, pick))]))
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

function round2(value) {
  return Math.round(value * 100) / 100
}
