// A Jest reporter: writes how many tests passed, failed and were skipped to .test-results/counts.json of the workspace,
// where scripts/test.mjs sums them up, with the tallies that describeContract left there: which adapter did how on which engine.
// The file is an output of the Turborepo task, so that a cached run has it too.
//
// It also ends a run that does not end by itself, as a failure: a test that leaves a socket or a timer behind has a bug.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const EXIT_GRACE_MS = 20_000

export default class CountsReporter {
  #folder

  constructor(globalConfig) {
    this.#folder = process.env.PDVEND_TEST_RESULTS ?? join(globalConfig.rootDir, '.test-results')
  }

  onRunStart() {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  onRunComplete(_contexts, results) {
    const counts = { ...countsOf(results), contracts: this.#contracts() }
    this.#write(counts)
    // Nothing is held any more. Left to end by itself, Node 20 was seen to spin for ever in its clean-up (nodejs/node#47748).
    process.once('beforeExit', () => process.exit())
    setTimeout(() => {
      console.error(`The tests are over, but the process still holds: ${process.getActiveResourcesInfo().join(', ')}`)
      this.#write({ ...counts, failed: counts.failed + 1 })
      process.exit(1)
    }, EXIT_GRACE_MS).unref()
  }

  #write(counts) {
    mkdirSync(this.#folder, { recursive: true })
    writeFileSync(join(this.#folder, 'counts.json'), `${JSON.stringify(counts, null, 2)}\n`)
  }

  #contracts() {
    const names = existsSync(this.#folder) ? readdirSync(this.#folder).filter((name) => name.startsWith('contract-')) : []
    return names.map((name) => JSON.parse(readFileSync(join(this.#folder, name), 'utf8')))
  }
}

/** A suite that cannot be loaded has no tests to count, so it counts as one that failed. */
export function countsOf(results) {
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
  const reasons = results.testResults.flatMap((suite) => suite.testResults).flatMap(reasonOf)
  const leftOut = reasons.filter((reason) => LEFT_OUT.test(reason))
  return {
    passed: results.numPassedTests,
    failed: failed === 0 && results.wasInterrupted ? 1 : failed,
    skipped: reasons.length - leftOut.length,
    seconds: Math.round((Date.now() - results.startTime) / 100) / 10,
    skips: countEach(reasons.filter((reason) => !LEFT_OUT.test(reason))),
    leftOut: countEach(leftOut),
    failures: results.testResults.flatMap(failuresOf),
  }
}

/** What failed in one file; a file that could not be loaded has a failure without a name. */
function failuresOf({ testFilePath: file, testResults = [], failureMessage, testExecError }) {
  const failed = testResults.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return testExecError ? [{ file, message: failureMessage ?? testExecError.message }] : []
  return failed.map(({ fullName, failureMessages }) => ({ file, name: fullName, message: failureMessages.join('\n') }))
}

/** Chosen not to run, or for a machine of another kind (test/engines/src/launch.ts): no part of this run, so nothing that it skipped. */
const LEFT_OUT = /^left out /

/** Why a test did not run. The reason stands in a title as `(skipped: no Chromium on this machine)`, and may hold brackets of its own. */
function reasonOf({ status, fullName }) {
  if (status !== 'pending' && status !== 'todo') return []
  return [/\(skipped: ((?:[^()]|\([^()]*\))+)\)/.exec(fullName)?.[1] ?? fullName]
}

function countEach(reasons) {
  const counts = {}
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}
