import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { type ContractTally, describeContract, type Engine, suiteOf, type TestRunner } from '@pdvend/contract'
import { adapterOf } from './telemetry-of-one.js'

/** A test runner that only writes down what it is given. */
function recorder() {
  const tests: string[] = []
  const skipped: string[] = []
  const hooks: (() => Promise<void>)[] = []
  const record = Object.assign((name: string) => void tests.push(name), { skip: (name: string) => void skipped.push(name) })
  const runner: TestRunner = {
    describe: (_name, body) => body(),
    test: record,
    beforeAll: (body) => void hooks.push(body),
    afterAll: (body) => void hooks.push(body),
  }
  return { tests, skipped, hooks, runner }
}

describe('describeContract', () => {
  const { cases, mutants } = suiteOf('telemetry')

  test('makes one test of each clause, named by it; what the handle lacks is skipped with the reason', () => {
    const { tests, skipped, runner } = recorder()
    describeContract(adapterOf(), { engine: { name: 'bare', env: {} }, runner })
    expect(tests.length + skipped.length).toBe(cases.length)
    for (const { id, title, engine = [] } of cases)
      if (engine.length === 0) expect(tests).toContain(`${id} ${title}`)
      else
        expect(skipped.find((name) => name.startsWith(`${id} `))).toMatch(/\(skipped: left out on this engine: the engine handle cannot: /)
  })

  test('adds one test a mutant where they are asked for; what breaks only what the adapter does not promise is left out', () => {
    const { tests, skipped, runner } = recorder()
    describeContract(adapterOf(), { engine: { name: 'bare', env: {} }, runner, mutants: true })
    const ofMutants = (names: readonly string[]): readonly string[] => names.filter((name) => name.startsWith('mutant '))
    expect(ofMutants(tests).length + ofMutants(skipped).length).toBe(mutants.length)
    expect(ofMutants(skipped)).toEqual([expect.stringMatching(/"duplicate rows".*\(skipped: left out without the capability query\)$/)])
  })

  test('skips every clause with the reason where the engine is missing', () => {
    const { tests, skipped, runner } = recorder()
    const engine = (): Promise<Engine> => Promise.reject(new Error('must not start'))
    describeContract(adapterOf(), { engine, missing: 'MinIO: go is not on this machine', runner, mutants: true })
    expect(tests).toEqual([])
    expect(skipped).toHaveLength(cases.length)
    expect(skipped[0]).toMatch(/ \(skipped: MinIO: go is not on this machine\)$/)
  })

  test('starts the engine before the clauses and stops it after them', async () => {
    const { hooks, runner } = recorder()
    const log: string[] = []
    const start = async (): Promise<Engine> => {
      log.push('start')
      return { name: 'bare', env: {}, stop: async () => void log.push('stop') }
    }
    describeContract(adapterOf(), { engine: start, runner })
    for (const hook of hooks) await hook()
    expect(log).toEqual(['start', 'stop'])
  })

  test('runs under node:test, where every clause that applies passes', async () => {
    const file = fileURLToPath(new URL('./children/under-node-test.mjs', import.meta.url))
    const results = mkdtempSync(join(tmpdir(), 'pdvend-results-'))
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...outer } = process.env
    const env = { ...outer, PDVEND_TEST_RESULTS: results }
    const out = await new Promise<string>((resolve) => {
      execFile(process.execPath, ['--test-reporter=tap', file], { env }, (_error, stdout, stderr) => resolve(stdout + stderr))
    })
    expect(out).toMatch(/^# fail 0$/m)
    expect(Number(/^# pass (\d+)$/m.exec(out)?.[1])).toBeGreaterThan(20)
    expect(out).toContain(`${cases[0]!.id} ${cases[0]!.title}`)
    const tally = JSON.parse(readFileSync(join(results, readdirSync(results)[0]!), 'utf8')) as ContractTally
    rmSync(results, { recursive: true })
    expect(tally).toMatchObject({ port: 'telemetry', failed: 0 })
    expect(tally.passed + tally.refused).toBe(Number(/^# pass (\d+)$/m.exec(out)?.[1]))
  }, 60_000)
})
