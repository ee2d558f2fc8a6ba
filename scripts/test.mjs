// npm test: builds what is stale, tests every workspace, and closes with one line: `N passed, N failed`.
//
// Arguments go to turbo: `npm test -- --filter=@pdvend/ports`, `npm test -- --force`. What has not changed since its last
// green run is not run again; its counts come from the cache. With CI=true a skipped test counts as failed.
//
// What needs no engine is tested first. Then the engines that this machine can have are provisioned, one after another, into
// a cache outside the repository (test/engines/README.md), and the workspaces that use them are tested, two at a time.
// PDVEND_TEST_ENGINES chooses: `none`, or some of `minio,kafka@3.9.2`; default all that the adapters are tested on.
//
// What failed is tried once more, alone. What passes then is told as flaky, with its first failure: such a test depends on how
// busy the machine is, and is to be mended, but it says nothing against the change. What fails twice has failed.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { closeTests, forgetResults } from './test-results.mjs'
import { root, turbo, workspacesWith } from './turbo.mjs'
import { workspaces } from './workspaces.mjs'

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const ENGINES = '@pdvend/engines'

const { chosen, rest } = splitFilters(process.argv.slice(2))
const tested = workspaces().filter((workspace) => workspace.manifest.scripts?.test)
tested.forEach(forgetResults)

// In the hash of the tests, so that a result with the browser tests skipped is not replayed once there is a browser.
process.env.PDVEND_TEST_CHROMIUM ??= findBrowser() ?? ''
if (process.env.PDVEND_TEST_CHROMIUM === '') delete process.env.PDVEND_TEST_CHROMIUM

let broken = false
await run('build', chosen, ['--output-logs=errors-only'])
const names = new Set(await workspacesWith('test', chosen))
const selected = tested.filter(({ manifest }) => names.has(manifest.name))
const onEngines = selected.filter(({ manifest }) => ENGINES in { ...manifest.dependencies, ...manifest.devDependencies })
await test(selected.filter((workspace) => !onEngines.includes(workspace)))
if (onEngines.length > 0) {
  const missing = await provision()
  // In the hash as well: a result with clauses skipped is not replayed once the engine is there.
  if (Object.keys(missing).length > 0) process.env.PDVEND_TEST_MISSING_ENGINES = JSON.stringify(missing)
  await test(onEngines, rest.some((arg) => arg.startsWith('--concurrency')) ? [] : ['--concurrency=2'])
}

closeTests(chosen.length > 0 ? selected : tested, { broken })

async function test(some, options = []) {
  if (some.length === 0) return
  const filters = some.map(({ manifest }) => `--filter=${manifest.name}`)
  await run('test', filters, ['--continue=dependencies-successful', '--output-logs=new-only', ...options])
}

async function run(task, filters, options) {
  if ((await turbo(['run', task, ...filters, ...options, ...rest])) !== 0) broken = true
}

/** The reason for each engine that this machine cannot have, by `name@version`. */
async function provision() {
  await run('build', [`--filter=${ENGINES}`], ['--output-logs=errors-only'])
  const { provisionWanted } = await import(pathToFileURL(join(root, 'test/engines/dist/index.js')).href)
  return provisionWanted((line) => console.log(`[engines] ${line}`))
}

/** Turbo's arguments that choose workspaces, and the others. */
function splitFilters(args) {
  const chosen = []
  const rest = []
  for (let at = 0; at < args.length; at += 1) {
    if (/^(-F|--filter)$/.test(args[at])) chosen.push(args[at], args[(at += 1)])
    else if (/^(-F|--filter=|--affected)/.test(args[at])) chosen.push(args[at])
    else rest.push(args[at])
  }
  return { chosen, rest }
}

function findBrowser() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
}
