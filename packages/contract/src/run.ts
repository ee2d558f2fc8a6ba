import type { AnyAdapter, PortName, PortTypes } from '@pdvend/ports'
import { PortError } from '@pdvend/ports'
import type { ContractCase, ContractSuite, EngineAbility, Mutant } from './case.js'
import type { Engine } from './engine.js'
import { hasAbility, intercept, Subject, type SubjectOptions } from './subject.js'

/** What became of one clause. `refused`: a capability is false and its refusal was proved. `unavailable`: the engine handle lacks an ability. */
export interface ClauseResult {
  readonly id: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'refused' | 'unavailable'
  readonly ms: number
  /** Why it is unavailable, or the error that made it fail. */
  readonly reason?: string
  readonly error?: unknown
}

export interface RunOptions<Port extends PortName> extends Partial<SubjectOptions<Port>> {
  /** Clause ids; default all. */
  readonly only?: readonly string[]
  /**
   * The whole suite so many times side by side, on one engine. Default 1. Cases that break the engine, or look at all that it
   * holds, come after the others, one at a time: they would fail the ones beside them, or be failed by them.
   */
  readonly parallel?: number
  readonly onResult?: (result: ClauseResult) => void
}

/** Runs one case; throws what made it fail. */
export async function runCase<Port extends PortName, Face>(
  suite: ContractSuite<Port, Face>,
  contractCase: ContractCase<Port, Face>,
  manifest: AnyAdapter<Port>,
  engine: Engine,
  options: Partial<SubjectOptions<Port>> = {},
): Promise<'passed' | 'refused'> {
  const seed = options.seed ?? 1
  await using subject = new Subject(suite, manifest, engine, { ...options, seed })
  const lacking = await lackingCapability(contractCase, subject)
  if (lacking !== undefined) {
    await provesRefusal(suite, lacking, subject)
    return 'refused'
  }
  await withTimeout(
    contractCase.run(subject),
    (contractCase.timeoutMs ?? 30_000) * subject.patience,
    `${contractCase.id} ${contractCase.title}`,
  )
  return 'passed'
}

/** Why a case cannot run on this engine handle; undefined = it can. */
export function unavailable<Port extends PortName, Face>(contractCase: ContractCase<Port, Face>, engine: Engine): string | undefined {
  const missing = (contractCase.engine ?? []).filter((ability) => !hasAbility(engine, ability))
  return missing.length > 0 ? `the engine handle cannot: ${missing.join(', ')}` : undefined
}

/** Runs the contract without a test runner, as the command line does. */
export async function runContract<Port extends PortName, Face>(
  suite: ContractSuite<Port, Face>,
  manifest: AnyAdapter<Port>,
  engine: Engine,
  options: RunOptions<Port> = {},
): Promise<readonly ClauseResult[]> {
  const { parallel = 1, seed = 1 } = options
  const cases = suite.cases.filter(({ id }) => options.only?.includes(id) ?? true)
  const run = async (round: number, some: typeof cases): Promise<ClauseResult[]> => {
    const results: ClauseResult[] = []
    for (const contractCase of some) {
      const result = await resultOf(suite, contractCase, manifest, engine, { patience: parallel, ...options, seed: seed + round })
      results.push(result)
      options.onResult?.(result)
    }
    return results
  }
  if (parallel === 1) return run(0, cases)
  const rounds = Array.from({ length: parallel }, (_, round) => round)
  const together = cases.filter((contractCase) => !wantsAlone(contractCase))
  const results = (await Promise.all(rounds.map((round) => run(round, together)))).flat()
  for (const round of rounds) results.push(...(await run(round, cases.filter(wantsAlone))))
  return results
}

/** What touches the whole engine, not only what a case made there itself. */
const WHOLE_ENGINE: ReadonlySet<EngineAbility> = new Set(['restart', 'kill', 'wipe', 'pause', 'leftovers'])

function wantsAlone({ engine = [] }: { readonly engine?: readonly EngineAbility[] }): boolean {
  return engine.some((ability) => WHOLE_ENGINE.has(ability))
}

/** A mutant's fate: the first clause that failed on it, or undefined when it lived. */
export interface MutantResult {
  readonly name: string
  readonly fault: string
  readonly caughtBy?: string
}

/** Runs each mutant against the clauses that should catch it. */
export async function runMutants<Port extends PortName, Face>(
  suite: ContractSuite<Port, Face>,
  manifest: AnyAdapter<Port>,
  engine: Engine,
): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = []
  for (const mutant of suite.mutants) results.push(await fateOf(mutant, suite, manifest, engine))
  return results
}

async function fateOf<Port extends PortName, Face>(
  mutant: Mutant<Port>,
  suite: ContractSuite<Port, Face>,
  manifest: AnyAdapter<Port>,
  engine: Engine,
): Promise<MutantResult> {
  const { name, fault } = mutant
  for (const id of mutant.clauses) {
    const contractCase = suite.cases.find((candidate) => candidate.id === id)
    if (contractCase === undefined) throw new Error(`mutant ${name} names clause ${id}, which the suite does not have`)
    const result = await resultOf(suite, contractCase, manifest, engine, { mutant })
    if (result.status === 'failed') return { name, fault, caughtBy: id }
  }
  return { name, fault }
}

async function resultOf<Port extends PortName, Face>(
  suite: ContractSuite<Port, Face>,
  contractCase: ContractCase<Port, Face>,
  manifest: AnyAdapter<Port>,
  engine: Engine,
  options: Partial<SubjectOptions<Port>>,
): Promise<ClauseResult> {
  const { id, title } = contractCase
  const startedAt = performance.now()
  const took = (): number => Math.round(performance.now() - startedAt)
  const reason = unavailable(contractCase, engine)
  if (reason !== undefined) return { id, title, status: 'unavailable', ms: 0, reason }
  try {
    return { id, title, status: await runCase(suite, contractCase, manifest, engine, options), ms: took() }
  } catch (error) {
    return { id, title, status: 'failed', ms: took(), reason: error instanceof Error ? error.message : String(error), error }
  }
}

async function lackingCapability<Port extends PortName, Face>(
  contractCase: ContractCase<Port, Face>,
  subject: Subject<Port, Face>,
): Promise<string | undefined> {
  if (contractCase.needs === undefined || contractCase.needs.length === 0) return undefined
  if (contractCase.orEngine !== undefined && hasAbility(subject.engine, contractCase.orEngine)) return undefined
  const declared = subject.manifest.capabilities as unknown as Readonly<Record<string, boolean>>
  const staticGap = contractCase.needs.find((name) => declared[name] !== true)
  if (staticGap !== undefined) return staticGap
  const driver = (await subject.driver()) as unknown as { capabilities?: Readonly<Record<string, boolean>> }
  return driver.capabilities === undefined ? undefined : contractCase.needs.find((name) => driver.capabilities?.[name] !== true)
}

/** A capability that is false is refused with UNSUPPORTED, and nothing reaches the driver. */
async function provesRefusal<Port extends PortName, Face>(
  suite: ContractSuite<Port, Face>,
  capability: string,
  subject: Subject<Port, Face>,
): Promise<void> {
  const refusal = suite.refusals[capability as keyof PortTypes[Port]['capabilities']]
  if (refusal === undefined) throw new Error(`the suite has no refusal for capability ${capability}`)
  const reached: string[] = []
  const wrap = (driver: never): unknown =>
    intercept(driver as object, (name, call) => {
      reached.push(name)
      return call()
    })
  const face = await subject.open({ wrap })
  reached.length = 0
  const error: unknown = await refusal(face).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!PortError.is(error, 'UNSUPPORTED'))
    throw new Error(`capability ${capability} is false, so the call must be refused with UNSUPPORTED; got ${String(error)}`)
  if (reached.length > 0) throw new Error(`capability ${capability} is false, but the driver was called: ${reached.join(', ')}`)
}

async function withTimeout(work: Promise<void>, ms: number, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done within ${ms} ms`)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
