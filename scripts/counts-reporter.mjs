// A Jest reporter: writes how many tests passed, failed and were skipped to .test-results/counts.json of the workspace,
// where scripts/test.mjs sums them up. The file is an output of the Turborepo task, so that a cached run has it too.
//
// It also ends a run that does not end by itself, as a failure: a test that leaves a socket or a timer behind has a bug.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const EXIT_GRACE_MS = 20_000

export default class CountsReporter {
  #rootDir

  constructor(globalConfig) {
    this.#rootDir = globalConfig.rootDir
  }

  onRunComplete(_contexts, results) {
    const counts = countsOf(results)
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
    const folder = join(this.#rootDir, '.test-results')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'counts.json'), `${JSON.stringify(counts, null, 2)}\n`)
  }
}

/** A suite that cannot be loaded has no tests to count, so it counts as one that failed. */
function countsOf(results) {
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
  return {
    passed: results.numPassedTests,
    failed: failed === 0 && results.wasInterrupted ? 1 : failed,
    skipped: results.numPendingTests + results.numTodoTests,
    seconds: Math.round((Date.now() - results.startTime) / 100) / 10,
    skips: skipsOf(results),
  }
}

/** Reason to number of tests. The reason stands in a title as `(skipped: no Chromium on this machine)`. */
function skipsOf(results) {
  const skips = {}
  for (const suite of results.testResults) {
    for (const test of suite.testResults) {
      if (test.status !== 'pending' && test.status !== 'todo') continue
      const reason = /\(skipped: ([^)]+)\)/.exec(test.fullName)?.[1] ?? test.fullName
      skips[reason] = (skips[reason] ?? 0) + 1
    }
  }
  return skips
}
