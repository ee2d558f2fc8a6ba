import type { AnyAdapter, PortName } from '@pdvend/ports'
import type { ContractCase, ContractSuite } from './case.js'
import type { Engine } from './engine.js'
import { runCase, runMutants, unavailable } from './run.js'
import { hasAbility } from './subject.js'
import { suiteOf } from './suites.js'
import { Tally } from './tally.js'

/** The part of a test runner that the contract needs; Jest, Vitest, node:test and Mocha have it as globals or imports. */
export interface TestRunner {
  describe: (name: string, body: () => void) => void
  test: ((name: string, body: () => Promise<void>, timeoutMs?: number) => void) & { skip(name: string, body: () => Promise<void>): void }
  beforeAll?: (body: () => Promise<void>, timeoutMs?: number) => void
  afterAll?: (body: () => Promise<void>, timeoutMs?: number) => void
}

export interface DescribeOptions {
  /** A running engine, or how to start one. */
  readonly engine: Engine | (() => Promise<Engine>)
  /** What the engine that will be started can do; needed where `engine` is a function, to name the cases before it runs. */
  readonly abilities?: Engine
  /** Why this machine cannot have the engine: every clause is skipped, with this reason in its title. Default: it can. */
  readonly missing?: string | undefined
  /** Default: the globals `describe`, `test`, `beforeAll`, `afterAll`. */
  readonly runner?: TestRunner
  /** Also runs every mutant, which must be caught. Default false. */
  readonly mutants?: boolean
}

/** The whole test file of an adapter: `describeContract(manifest, { engine })`. One test a clause, named by it. */
export function describeContract<Port extends PortName>(manifest: AnyAdapter<Port>, options: DescribeOptions): void {
  const { describe, test, beforeAll, afterAll } = options.runner ?? (globalThis as unknown as TestRunner)
  const suite = suiteOf(manifest.port)
  describe(`contract of ${manifest.port}: ${manifest.name}`, () => {
    const tally = new Tally()
    let engine: Engine | undefined = typeof options.engine === 'function' ? undefined : options.engine
    beforeAll?.(async () => {
      if (typeof options.engine === 'function') engine = await options.engine()
    }, 120_000)
    afterAll?.(async () => {
      if (engine !== undefined) tally.write(manifest, engine)
      await engine?.stop?.()
    }, 60_000)
    const handle = engine ?? options.abilities
    for (const contractCase of suite.cases) {
      const name = `${contractCase.id} ${contractCase.title}`
      const reason = options.missing ?? (handle === undefined ? undefined : leftOut(contractCase, handle))
      if (reason !== undefined) {
        tally.add('leftOut')
        test.skip(`${name} (skipped: ${reason})`, async () => {})
        continue
      }
      const body = async (): Promise<void> => {
        const count = (fate: 'passed' | 'refused' | 'failed'): void => tally.add(fate)
        await runCase(suite, contractCase, manifest, engine!).then(count, (error: unknown) => {
          count('failed')
          throw error
        })
      }
      test(name, body, (contractCase.timeoutMs ?? 30_000) + 5_000)
    }
    if (options.mutants !== true || options.missing !== undefined) return
    for (const mutant of suite.mutants) {
      const body = async (): Promise<void> => {
        const [fate] = await runMutants({ ...suite, mutants: [mutant] }, manifest, engine!)
        if (fate?.caughtBy === undefined) throw new Error(`mutant "${mutant.name}" lived: ${mutant.fault}`)
        tally.add('mutantsCaught')
      }
      const name = `mutant "${mutant.name}" is caught by ${mutant.clauses.join(' or ')}`
      const lacking = unpromised(mutant.clauses, suite, manifest, handle)
      if (lacking === undefined) test(name, body, 120_000)
      else test.skip(`${name} (skipped: left out without the capability ${lacking})`, async () => {})
    }
  })
}

/** What breaks only promises that this adapter does not make cannot be caught on it. */
function unpromised<Port extends PortName, Face>(
  clauses: readonly string[],
  suite: ContractSuite<Port, Face>,
  manifest: AnyAdapter<Port>,
  engine: Engine | undefined,
): string | undefined {
  const declared = manifest.capabilities as unknown as Readonly<Record<string, boolean>>
  const gaps = clauses.map((id) => {
    const { needs = [], orEngine } = suite.cases.find((one) => one.id === id) ?? {}
    const served = orEngine !== undefined && engine !== undefined && hasAbility(engine, orEngine)
    return served ? undefined : needs.find((name) => !declared[name])
  })
  return gaps.includes(undefined) ? undefined : gaps[0]
}

/** Which abilities a handle has is decided where it is written: a clause that it cannot serve is no part of this engine's contract. */
function leftOut<Port extends PortName, Face>(contractCase: ContractCase<Port, Face>, engine: Engine): string | undefined {
  const reason = unavailable(contractCase, engine)
  return reason === undefined ? undefined : `left out on this engine: ${reason}`
}
