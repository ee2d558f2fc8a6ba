// S3 blobs: @pdvend/oss-minio against the raw minio client and the AWS SDK, on one MinIO, side by side: CPU, wall time, bytes on
// the wire; a stream of unknown length, up and down, with the growth of the memory.
//
// npm run bench -- blob-s3 [rounds] [MiB of the stream] [calls at once, e.g. 1,32] [what, e.g. upload|get].
// What was not run keeps its figures in the results. Each figure is that of a process of its own; clients take turns.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEngine } from '@pdvend/engines'
import { ossMinio } from '@pdvend/oss-minio'
import { readSettings, silentLogger, systemClock } from '@pdvend/ports'

const rounds = Number(process.argv[2] ?? 5)
const streamMiB = Number(process.argv[3] ?? 1_024)
const widths = (process.argv[4] ?? '1,32,256').split(',').map(Number)
const only = new RegExp(process.argv[5] ?? '.')
const folder = dirname(fileURLToPath(import.meta.url))
const names = ['pdvend', 'minio', 'aws']
const KIB = 1_024
const MIB = 1_048_576

const workloads = [
  ...widths.flatMap((width) => [
    { work: 'put', sizeBytes: KIB, width, calls: width === 1 ? 300 : 1_500 },
    { work: 'get', sizeBytes: KIB, width, calls: width === 1 ? 500 : 3_000 },
    { work: 'put', sizeBytes: 256 * KIB, width, calls: width === 1 ? 60 : 300 },
    { work: 'get', sizeBytes: 256 * KIB, width, calls: width === 1 ? 150 : 600 },
  ]),
  ...widths
    .filter((width) => width <= 32)
    .flatMap((width) => [
      { work: 'put', sizeBytes: 16 * MIB, width, calls: width === 1 ? 6 : 32 },
      { work: 'get', sizeBytes: 16 * MIB, width, calls: width === 1 ? 8 : 32 },
    ]),
  { work: 'upload', sizeBytes: streamMiB * MIB, width: 1, calls: 1 },
  { work: 'download', sizeBytes: streamMiB * MIB, width: 1, calls: 1 },
].filter(({ work }) => only.test(work))

const engine = await startEngine('minio')
const env = { ...engine.env, PDVEND_BLOB_BUCKET: 'pdvend-bench' }
const results = []
try {
  const { settings } = await readSettings(ossMinio.config, env)
  const plan = await ossMinio.provision(
    settings,
    { jobs: [] },
    { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) },
  )
  await plan.apply()
  await plan.close()
  for (const workload of workloads) {
    const samples = Object.fromEntries(names.map((name) => [name, []]))
    // Turns begin with another client each time.
    for (let round = 0; round < rounds; round++)
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(turn + round) % names.length]
        samples[name].push(run({ client: name, ...workload, env }))
      }
    const row = {
      at: new Date().toISOString(),
      rounds,
      ...workload,
      ...Object.fromEntries(names.map((name) => [name, middle(samples[name])])),
    }
    results.push(row)
    console.log(lineOf(row))
  }
} finally {
  await engine.stop()
}

const file = join(folder, 'results/blob-s3.json')
const idOf = ({ work, sizeBytes, width }) => `${work} ${sizeBytes} ${width}`
const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).results : []
const kept = before.filter((row) => !results.some((other) => idOf(other) === idOf(row)))
const all = [...kept, ...results].sort((one, other) => one.width - other.width || one.sizeBytes - other.sizeBytes)
console.log(`\n| what | CPU | to minio | to AWS SDK | wall to minio | to AWS SDK | wire to minio | memory, MiB: ours, minio, AWS SDK |`)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
for (const row of all) console.log(lineOf(row))
mkdirSync(join(folder, 'results'), { recursive: true })
const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length }
const targets = 'CPU and wire <= 1.05 of minio; stream >= 0.97 of its throughput, memory <= 8 MiB x 4 + 32 MiB'
writeFileSync(file, `${JSON.stringify({ machine, engine: `${engine.name} ${engine.version}`, targets, results: all }, null, 2)}\n`)

function run(task) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', join(folder, 'blob-s3/worker.mjs'), JSON.stringify(task)],
    {
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`${task.client} ${task.work}: ${stderr}`)
  return JSON.parse(stdout)
}

function middle(samples) {
  const median = (field) => samples.map((sample) => sample[field]).sort((one, other) => one - other)[Math.floor(samples.length / 2)]
  return {
    cpuUs: Math.round(median('cpuUs')),
    wallUs: Math.round(median('wallUs')),
    wireBytes: Math.round(median('wireBytes')),
    rssMiB: Math.round(median('rssMiB')),
  }
}

function lineOf({ work, sizeBytes, width, pdvend, minio, aws }) {
  const size = sizeBytes >= MIB ? `${sizeBytes / MIB} MiB` : `${sizeBytes / KIB} KiB`
  const ratio = (field, other) => (pdvend[field] / other[field]).toFixed(2)
  const memory = work === 'upload' || work === 'download' ? `${pdvend.rssMiB}, ${minio.rssMiB}, ${aws.rssMiB}` : ''
  const cells = [
    `${work} ${size}, ${width} at once`,
    `${pdvend.cpuUs} us`,
    ratio('cpuUs', minio),
    ratio('cpuUs', aws),
    ratio('wallUs', minio),
    ratio('wallUs', aws),
    ratio('wireBytes', minio),
    memory,
  ]
  return `| ${cells.join(' | ')} |`
}
