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

const variants = {
  empty: '',
  rawClients: `
    await import('reflect-metadata'); await import('inversify'); await import('zod')
    await import('libsql'); await import('aedes'); await import('mqtt'); await import('ws')`,
  container: `await import('@pdvend/container')`,
  presets: `await import('@pdvend/container'); await import('@pdvend/local')`,
  started: `
    const { defineApp } = await import('@pdvend/container'); const { local } = await import('@pdvend/local')
    running = await defineApp({ profiles: { local }, signals: [] }).start({ PDVEND_LOCAL_DIR: process.argv[1] })`,
}

const samples = Object.fromEntries(Object.keys(variants).map((name) => [name, []]))
for (let round = 0; round < rounds; round++) for (const [name, code] of Object.entries(variants)) samples[name].push(cpuMs(code))

const of = (name, pick) => pick(samples[name]) - pick(samples.empty)
const result = {
  what: 'CPU milliseconds of a process, less those of an empty one',
  node: process.version,
  cpu: cpus()[0]?.model,
  rounds,
  medianMs: figures(median),
  leastMs: figures((values) => Math.min(...values)),
  ratios: {
    startedToRawClients: round2(of('started', median) / of('rawClients', median)),
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

/** Runs `code` in a Node of its own, which tells its CPU time when the code is done. */
function cpuMs(code) {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-'))
  const script = `let running; ${code}
    const { user, system } = process.cpuUsage(); process.stdout.write(String((user + system) / 1000)); await running?.close()`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script, directory], {
    cwd: folder,
    encoding: 'utf8',
  })
  rmSync(directory, { recursive: true, force: true })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

function figures(pick) {
  return Object.fromEntries(Object.keys(variants).map((name) => [name, round2(name === 'empty' ? pick(samples.empty) : of(name, pick))]))
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

function round2(value) {
  return Math.round(value * 100) / 100
}
