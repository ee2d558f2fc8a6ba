// Runs what failed in a workspace once more, alone, when everything else is over.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** More failures than this are no accident, and are not tried again. */
const MOST = 10

/** The workspace's row, in which what passes now counts as passed, and stands under `flaky` with its first failure. */
export function tryAgain(workspace, row) {
  const { failures = [] } = row
  if (failures.length === 0 || failures.length > MOST || failures.length !== row.failed) return row
  console.log(`\n${row.name}: trying again what failed`)
  const still = (failure) => isNotPassed(runAgain(workspace, failure))
  const failed = failures.filter(still)
  const flaky = failures.filter((failure) => !failed.includes(failure))
  return {
    ...row,
    failed: failed.length,
    passed: row.passed + flaky.filter(({ name }) => name !== undefined).length,
    failures: failed,
    flaky,
  }
}

/** A test by its name, or a whole file that could not be loaded. */
function runAgain({ folder }, { file, name }) {
  const results = join(folder, '.test-results/again')
  rmSync(results, { recursive: true, force: true })
  const only = name === undefined ? [] : ['--testNamePattern', `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`]
  const args = [fileURLToPath(new URL('jest.mjs', import.meta.url)), '--runTestsByPath', file, ...only]
  const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit', env: { ...process.env, PDVEND_TEST_AGAIN: '1' } })
  const counts = join(results, 'counts.json')
  return { status, ...(existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : {}) }
}

function isNotPassed({ status, passed = 0, failed = 1 }) {
  return status !== 0 || failed > 0 || passed === 0
}
