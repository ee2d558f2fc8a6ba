// npm test: builds what is stale, tests every workspace, and closes with one line: `N passed, N failed`.
//
// Arguments go to turbo: `npm test -- --filter=@pdvend/ports`, `npm test -- --force`. What has not changed since its last
// green run is not run again; its counts come from the cache. With CI=true a skipped test counts as failed.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { turbo } from './turbo.mjs'
import { workspaces } from './workspaces.mjs'

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

const args = process.argv.slice(2)
const tested = workspaces().filter((workspace) => workspace.manifest.scripts?.test)
for (const workspace of tested) rmSync(countsFile(workspace), { force: true })

// In the hash of the tests, so that a result with the browser tests skipped is not replayed once there is a browser.
process.env.PDVEND_TEST_CHROMIUM ??= findBrowser() ?? ''
if (process.env.PDVEND_TEST_CHROMIUM === '') delete process.env.PDVEND_TEST_CHROMIUM

const exitCode = await turbo(['run', 'build', 'test', '--continue=dependencies-successful', '--output-logs=new-only', ...args])
const rows = tested.flatMap(rowOf)
const total = sum(rows)
if (exitCode !== 0 && total.failed === 0) {
  console.error('\nA task failed that is not a test (see above); it counts as one failure.')
  total.failed = 1
}
const ci = process.env.CI === 'true' || process.env.CI === '1'
report(rows, ci)
if (ci && total.skipped > 0) {
  total.failed += total.skipped
  total.skipped = 0
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

/** A workspace without counts failed before its tests ran; when the caller chose some workspaces, it was not asked for. */
function rowOf(workspace) {
  const name = workspace.manifest.name
  if (existsSync(countsFile(workspace))) return [{ name, ...JSON.parse(readFileSync(countsFile(workspace), 'utf8')) }]
  if (args.some((arg) => /^(-F|--filter|--affected)/.test(arg))) return []
  return [{ name, passed: 0, failed: 1, skipped: 0, seconds: 0, skips: {}, note: 'no result: nothing was built, or there is no test' }]
}

function countsFile(workspace) {
  return join(workspace.folder, '.test-results/counts.json')
}

function sum(counts) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const row of counts) for (const field of Object.keys(total)) total[field] += row[field]
  return total
}

function report(counts, failSkips) {
  const width = Math.max(...counts.map((row) => row.name.length), 9)
  console.log(`\n${'workspace'.padEnd(width)}  passed  failed  skipped  seconds`)
  for (const row of counts) {
    const cells = [
      String(row.passed).padStart(6),
      String(row.failed).padStart(6),
      String(row.skipped).padStart(7),
      row.seconds.toFixed(1).padStart(7),
    ]
    console.log(`${row.name.padEnd(width)}  ${cells.join('  ')}${row.note ? `  ${row.note}` : ''}`)
  }
  for (const row of counts) {
    for (const [reason, count] of Object.entries(row.skips)) {
      console.log(`skipped ${count} in ${row.name}: ${reason}${failSkips ? ' (a failure, because CI=true)' : ''}`)
    }
  }
  console.log('')
}

function findBrowser() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
}
