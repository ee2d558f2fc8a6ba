import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { root } from './architecture/import-graph.js'

/** Runs a line of code over the scripts in a process of its own, as `npm test` does; gives what it printed and how it ended. */
function script(code: string): { readonly out: string; readonly status: number | null } {
  const from = (name: string): string => JSON.stringify(pathToFileURL(join(root, 'scripts', name)).href)
  const text = `
    import { countsOf } from ${from('counts-reporter.mjs')}
    import { describeFailures, printReport } from ${from('test-report.mjs')}
    import { tryAgain } from ${from('try-again.mjs')}
    ${code}`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', text], { encoding: 'utf8' })
  return { out: stderr + stdout, status }
}

/** Jest's results, as far as the reporter reads them. */
const results = (titles: readonly string[]): object => ({
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  numPassedTests: 3,
  startTime: 0,
  testResults: [{ testResults: titles.map((fullName) => ({ status: 'pending', fullName })) }],
})

describe('what npm test tells at its end', () => {
  test('skipped tests by their reasons, brackets and all; what was chosen not to run is no skip', () => {
    const titles = [
      'blob B1 put (skipped: MinIO 2026-02-12: go is not on this machine; minio is built from its Go module (Go 1.24 or later))',
      'shop (skipped: no Chromium on this machine) sells',
      'jobs Q1 (skipped: left out by PDVEND_TEST_ENGINES: Apache Kafka 3.9.2)',
      'a test without a reason',
    ]
    const { out } = script(`console.log(JSON.stringify(countsOf(${JSON.stringify(results(titles))})))`)
    expect(JSON.parse(out)).toMatchObject({
      ...{ passed: 3, failed: 0, skipped: 3 },
      skips: {
        'MinIO 2026-02-12: go is not on this machine; minio is built from its Go module (Go 1.24 or later)': 1,
        'no Chromium on this machine': 1,
        'a test without a reason': 1,
      },
      leftOut: { 'left out by PDVEND_TEST_ENGINES: Apache Kafka 3.9.2': 1 },
    })
  })

  const kafka = {
    adapter: 'oss-kafka',
    port: 'jobs',
    engine: 'Apache Kafka 4.2.2',
    passed: 84,
    refused: 5,
    failed: 0,
    leftOut: 1,
    mutantsCaught: 16,
  }
  const row = { name: '@pdvend/oss-kafka', passed: 90, failed: 0, skipped: 2, seconds: 12.34, contracts: [kafka] }
  const skips = { 'MinIO: go is not on this machine': 2 }
  const report = (rows: readonly object[], how: object): ReturnType<typeof script> =>
    script(
      `process.exitCode = printReport(${JSON.stringify(rows)}, ${JSON.stringify({ broken: false, failSkips: false, ...how })}) ? 0 : 1`,
    )

  test('each workspace, each adapter on each engine, each reason, and the sum as the last line', () => {
    const { out, status } = report([{ ...row, skips, leftOut: { 'left out by PDVEND_TEST_ENGINES: HiveMQ': 4 } }], {})
    expect(out).toMatch(/@pdvend\/oss-kafka +90 +0 +2 +12\.3/)
    expect(out).toMatch(/oss-kafka \(jobs\) +Apache Kafka 4\.2\.2 +84 +5 +0 +1/)
    expect(out).toContain('skipped 2 in @pdvend/oss-kafka: MinIO: go is not on this machine\n')
    expect(out).toContain('not run 4 of @pdvend/oss-kafka: left out by PDVEND_TEST_ENGINES: HiveMQ')
    expect({ last: out.trimEnd().split('\n').at(-1), status }).toEqual({ last: '90 passed, 0 failed, 2 skipped', status: 0 })
  })

  test('with CI=true what was skipped has failed', () => {
    const { out, status } = report([{ ...row, skips, leftOut: {} }], { failSkips: true })
    expect({ last: out.trimEnd().split('\n').at(-1), status }).toEqual({ last: '90 passed, 2 failed', status: 1 })
  })

  test('a task that failed without a failing test counts as one, and so does a run without any test', () => {
    expect(
      report([{ ...row, skipped: 0, skips: {}, leftOut: {} }], { broken: true })
        .out.trimEnd()
        .split('\n')
        .at(-1),
    ).toBe('90 passed, 1 failed')
    expect(report([], {}).status).toBe(1)
  })

  test('each failure by its test and what was said, without the frames of the test runner', () => {
    const message =
      'Error: \u001b[31mlost\u001b[39m\n    at sale (/repo/packages/x/test/a.test.ts:7:1)\n    at run (/repo/node_modules/jest/build/run.js:1:1)'
    const failed = {
      numFailedTests: 2,
      numRuntimeErrorTestSuites: 0,
      numPassedTests: 0,
      startTime: 0,
      testResults: [
        {
          testFilePath: '/repo/packages/x/test/a.test.ts',
          testResults: [{ status: 'failed', fullName: 'jobs Q1 (x)', failureMessages: [message] }],
        },
        { testFilePath: '/repo/packages/x/test/b.test.ts', testResults: [], testExecError: { message: 'no module c' } },
      ],
    }
    const { out } = script(`process.stdout.write(describeFailures([{ name: '@pdvend/x', ...countsOf(${JSON.stringify(failed)}) }]))`)
    expect(out).toBe(
      'failed: @pdvend/x a.test.ts jobs Q1 (x)\n    Error: lost\n        at sale (/repo/packages/x/test/a.test.ts:7:1)\n' +
        'failed: @pdvend/x b.test.ts \n    no module c\n',
    )
  })

  test('what failed is tried again alone: flaky where it passes then, failed where it does not', () => {
    // Inside the repository, where Jest finds what it is configured with.
    mkdirSync(join(root, '.turbo'), { recursive: true })
    const folder = mkdtempSync(join(root, '.turbo/again-'))
    try {
      mkdirSync(join(folder, 'test'))
      const file = join(folder, 'test/some.test.ts')
      writeFileSync(file, `describe('a (b) [c]?', () => { test('mended', () => {}); test('broken', () => expect(1).toBe(2)) })`)
      const failures = ['mended', 'broken'].map((name) => ({ file, name: `a (b) [c]? ${name}`, message: 'first' }))
      const row = { name: '@pdvend/x', passed: 5, failed: 2, skipped: 0, seconds: 1, failures }
      const { out } = script(`console.log(JSON.stringify(tryAgain({ folder: ${JSON.stringify(folder)} }, ${JSON.stringify(row)})))`)
      expect(JSON.parse(out.trimEnd().split('\n').at(-1)!)).toMatchObject({
        passed: 6,
        failed: 1,
        flaky: [failures[0]],
        failures: [failures[1]],
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('one that passed when tried again is told, and fails nothing', () => {
    const flaky = [{ file: '/repo/a.test.ts', name: 'jobs Q1', message: 'late' }]
    const { out, status } = report([{ ...row, skipped: 0, skips: {}, flaky }], { broken: true })
    expect(out).toContain('flaky (passed when tried again alone): @pdvend/oss-kafka a.test.ts jobs Q1\n    late\n')
    expect({ last: out.trimEnd().split('\n').at(-1), status }).toEqual({ last: '90 passed, 0 failed', status: 0 })
  })
})
