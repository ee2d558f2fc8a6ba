// npm run new:adapter oss-nats jobs: makes packages/oss-nats with manifest, settings, driver, codec, errors, contract test and
// README, and adds it to tsconfig.json. `--root <folder>` works on another copy of the repository.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { adapterFiles } from './new-adapter/files.mjs'
import { PORTS } from './new-adapter/ports.mjs'

const home = dirname(dirname(fileURLToPath(import.meta.url)))
const { positionals, values } = parseArgs({ allowPositionals: true, options: { root: { type: 'string', default: home } } })
const [name, port] = positionals
const folder = join(values.root, 'packages', name ?? '')

const wrong = problem()
if (wrong !== undefined) {
  console.error(`${wrong}\nusage: npm run new:adapter <name, e.g. oss-nats> <${Object.keys(PORTS).join(' | ')}>`)
  process.exit(1)
}

const { version, dependencies, devDependencies } = JSON.parse(readFileSync(join(values.root, 'packages/contract/package.json'), 'utf8'))
const style = await resolveConfig(join(home, 'package.json'))
for (const [path, text] of Object.entries(adapterFiles({ name, port, version, pins: { ...dependencies, ...devDependencies } }))) {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, await format(text, { ...style, filepath: file }))
}
cpSync(join(home, 'LICENSE'), join(folder, 'LICENSE'))
addReference(join(values.root, 'tsconfig.json'))
console.log(`packages/${name} is there. Next: npm install, then write src/driver.ts until npm test -w @pdvend/${name} passes.`)

function problem() {
  if (name === undefined || port === undefined || positionals.length > 2) return 'a name and a port are needed'
  if (!/^(aws|oss)-[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return `"${name}" is no name: write the home and the engine, e.g. oss-nats`
  if (!Object.hasOwn(PORTS, port)) return `there is no port "${port}"`
  if (existsSync(folder)) return `packages/${name} is there already`
  return undefined
}

function addReference(file) {
  const config = JSON.parse(readFileSync(file, 'utf8'))
  config.references.push({ path: `packages/${name}` })
  writeFileSync(file, `${JSON.stringify(config, undefined, 2)}\n`)
}
