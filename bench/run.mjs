// npm run bench -- blob|jobs|telemetry|push|start [arguments]: runs one of the benchmarks beside this file, in a process of
// its own. Each prints ratios of one run on one machine, and writes its raw figures to results/<name>.json.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs') && file !== 'run.mjs')
  .map((file) => file.slice(0, -'.mjs'.length))
const [name, ...args] = process.argv.slice(2)

if (!names.includes(name)) {
  console.error(`npm run bench -- ${names.join('|')}`)
  process.exit(1)
}
const { status } = spawnSync(process.execPath, ['--expose-gc', join(folder, `${name}.mjs`), ...args], { stdio: 'inherit' })
process.exit(status ?? 1)
