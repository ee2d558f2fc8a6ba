// What the reporter of the tests (scripts/counts-reporter.mjs) left in a workspace, and what is said of it in the end.
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describeFailures, printReport } from './test-report.mjs'
import { tryAgain } from './try-again.mjs'

/** So that nothing older counts as a result. */
export function forgetResults(workspace) {
  rmSync(countsFile(workspace), { force: true })
}

/** Tries what failed once more, prints the report and sets the exit code. `broken`: a task failed, be it a test or not. */
export function closeTests(workspaces, { broken }) {
  const rows = workspaces.map((workspace) => tryAgain(workspace, rowOf(workspace)))
  if (process.env.TEST_FAILURES_FILE) appendFileSync(process.env.TEST_FAILURES_FILE, describeFailures(rows))
  process.exitCode = printReport(rows, { broken, failSkips: process.env.CI === 'true' || process.env.CI === '1' }) ? 0 : 1
}

/** A workspace without counts failed before its tests ran. */
function rowOf(workspace) {
  const { name } = workspace.manifest
  if (existsSync(countsFile(workspace))) return { name, ...JSON.parse(readFileSync(countsFile(workspace), 'utf8')) }
  const note = 'no result: nothing was built, or there is no test'
  return { name, passed: 0, failed: 1, skipped: 0, seconds: 0, skips: {}, leftOut: {}, failures: [], contracts: [], note }
}

function countsFile(workspace) {
  return join(workspace.folder, '.test-results/counts.json')
}
