import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { root } from './architecture/import-graph.js'

/** Runs a line of code over the scripts in a process of its own, as `npm test` does; gives what it printed and how it ended. */
function script(code: string): { readonly out: string; readonly status: number | null } {
  const from = (name: string): string => JSON.stringify(pathToFileURL(join(root, 'scripts', name)).href)
  const text = `
    import { countsOf } from ${from('counts-reporter.mjs')}
    import { printReport } from ${from('test-report.mjs')}
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
})
