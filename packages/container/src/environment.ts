import { type AnyAdapter, type PortName, portNames, readSettings, type Setting, type SettingsShape, shapeOf } from '@pdvend/ports'
import { nearestName } from './nearest.js'
import { type OwnSettings, ownSettings, reservedVariables } from './own-settings.js'
import { configError, type ConfigProblem } from './problems.js'
import { maskAddresses, type Redactor, redactor } from './redact.js'
import { gapsOf, type Profiles, type Requires } from './requires.js'

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What an app may choose from. */
export interface Choices {
  readonly profiles: Profiles
  readonly requires: Requires
  /** Every adapter of the profiles and those passed beside them. */
  readonly adapters: readonly AnyAdapter[]
}

/** What the environment asks for, proved to be consistent. */
export interface Plan {
  readonly profile: string
  readonly adapters: { readonly [Port in PortName]: AnyAdapter<Port> }
  /** The settings of each port's adapter, for its `open`. */
  readonly settings: Readonly<Record<PortName, unknown>>
  readonly own: OwnSettings
  readonly source: Environment
  readonly redact: Redactor
}

/** `PDVEND_BLOB` for `blob`. */
export const overrideVariable = (port: PortName): string => `PDVEND_${port.toUpperCase()}`

/** Reads everything that the app needs from the environment. @throws CONFIG_INVALID with every problem at once */
export async function readEnvironment(choices: Choices, env: Environment): Promise<Plan> {
  const source = snapshot(env)
  const redact = redactor(secretValues(choices.adapters, source))
  const problems: ConfigProblem[] = [...unknownVariables(choices.adapters, source)]
  const profile = chooseProfile(choices.profiles, source, env.NODE_ENV, problems)
  const adapters: Partial<Record<PortName, AnyAdapter>> = {}
  const settings: Partial<Record<PortName, unknown>> = {}
  for (const port of portNames) {
    const adapter = chooseAdapter(port, choices, profile, source, problems)
    if (adapter === undefined) {
      await checkOffered(
        choices.adapters.filter((offered) => offered.port === port),
        source,
        problems,
      )
      continue
    }
    adapters[port] = adapter
    settings[port] = await readShape(adapter.config, source, problems)
    problems.push(...capabilityProblems(choices, adapter, adapter.capabilities, profile, source))
  }
  const own = (await readShape(ownSettings, source, problems)) as OwnSettings
  if (problems.length > 0 || profile === undefined) throw configError(distinct(problems).map((problem) => cleaned(problem, redact)))
  return { profile, adapters: adapters as Plan['adapters'], settings: settings as Plan['settings'], own, source, redact }
}

/** A problem for each capability that is required and that `adapter`, or the engine behind it, has not got. */
export function capabilityProblems(
  { requires, adapters }: Choices,
  adapter: AnyAdapter,
  capabilities: object,
  profile: string | undefined,
  source: Environment,
): readonly ConfigProblem[] {
  const override = overrideVariable(adapter.port)
  const variable = source[override] === undefined ? 'PDVEND_PROFILE' : override
  const measured = capabilities === adapter.capabilities ? '' : ' on this engine'
  const of = variable === override || profile === undefined ? '' : ` of profile ${profile}`
  return gapsOf(requires, adapter, capabilities).map(({ port, capability }) => {
    const able = adapters.filter(
      (other) => other.port === port && other !== adapter && gapsOf({ [port]: [capability] }, other, other.capabilities).length === 0,
    )
    const names =
      able.length === 0 ? 'no listed adapter has it' : `${able.map(({ name }) => name).join(', ')} would do (${override}=${able[0]!.name})`
    return {
      variable,
      got: `adapter ${adapter.name}${of}, which has no ${port} capability ${capability}${measured}`,
      wants: `what the app requires: ${names}`,
    }
  })
}

/** The variables that are ours, and nothing else of the environment. */
function snapshot(env: Environment): Environment {
  const ours = Object.entries(env).filter(([name, text]) => /^PDVEND_/i.test(name) && text !== undefined)
  return Object.freeze(Object.fromEntries(ours))
}

function unknownVariables(adapters: readonly AnyAdapter[], source: Environment): readonly ConfigProblem[] {
  const known = new Set(knownVariables(adapters))
  const names = Object.keys(source).filter((name) => !known.has(name) && !name.startsWith('PDVEND_TEST_'))
  return names.map((name) => {
    const got = holds(source[name])
    const reserved = reservedVariables.get(name)
    if (reserved !== undefined) return { variable: name, got, wants: reserved }
    const nearest = nearestName(name.toUpperCase(), known)
    return {
      variable: name,
      got,
      wants: 'a variable that the app or one of its adapters knows',
      ...(nearest === undefined ? {} : { nearest }),
    }
  })
}

/** Every variable that the app or any adapter that it lists understands. */
function knownVariables(adapters: readonly AnyAdapter[]): readonly string[] {
  const shapes: readonly SettingsShape[] = [ownSettings, ...adapters.map(({ config }) => config)]
  const names = shapes.flatMap((shape) => Object.values(shape).map(({ env }) => env))
  return [...new Set(['PDVEND_PROFILE', ...portNames.map(overrideVariable), ...names])].sort()
}

/** A misspelt name may hold a secret, so only the length is told. */
function holds(text: string | undefined): string {
  return typeof text === 'string' ? (text === '' ? 'an empty value' : `a value of length ${text.length}`) : shapeOf(text)
}

function chooseProfile(
  profiles: Profiles,
  source: Environment,
  nodeEnv: string | undefined,
  problems: ConfigProblem[],
): string | undefined {
  const names = Object.keys(profiles)
  const given = source.PDVEND_PROFILE
  const wants = `one of ${names.join(', ')}`
  if (given === undefined) {
    if (nodeEnv !== 'production' && Object.hasOwn(profiles, 'local')) return 'local'
    const why = nodeEnv === 'production' ? ' (NODE_ENV=production has no default)' : ''
    problems.push({ variable: 'PDVEND_PROFILE', got: 'nothing', wants: `${wants}${why}` })
    return undefined
  }
  if (Object.hasOwn(profiles, given)) return given
  problems.push(wrongChoice('PDVEND_PROFILE', given, wants, names))
  return undefined
}

function chooseAdapter(
  port: PortName,
  { adapters, profiles }: Choices,
  profile: string | undefined,
  source: Environment,
  problems: ConfigProblem[],
): AnyAdapter | undefined {
  const variable = overrideVariable(port)
  const given = source[variable]
  if (given === undefined) return profile === undefined ? undefined : profiles[profile]![port]
  const offered = adapters.filter((adapter) => adapter.port === port)
  const found = offered.find(({ name }) => name === given)
  if (found !== undefined) return found
  const names = offered.map(({ name }) => name)
  problems.push(wrongChoice(variable, given, `unset for the profile's own, or one of ${names.join(', ')}`, names))
  return undefined
}

function wrongChoice(variable: string, given: string, wants: string, names: readonly string[]): ConfigProblem {
  if (given === '') return { variable, got: 'an empty value', wants }
  const nearest = nearestName(given, names)
  return { variable, got: shapeOf(given), wants, ...(nearest === undefined ? {} : { nearest }) }
}

/** The values of a shape; what is wrong goes to `problems`, setting by setting, so that one bad validator hides nothing. */
async function readShape(shape: SettingsShape, source: Environment, problems: ConfigProblem[]): Promise<unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(shape)) {
    const read = await readSettings({ [name]: setting }, source).catch((error: unknown) => ({
      problems: [validatorFailed(setting, error)],
    }))
    if (read.problems === undefined) values[name] = (read.settings as Record<string, unknown>)[name]
    else problems.push(...read.problems.map(({ env, got, wants }) => ({ variable: env, got, wants })))
  }
  return values
}

/** Where the choice itself is wrong nothing is asked for, but what is set must be right for one of the adapters that read it. */
async function checkOffered(adapters: readonly AnyAdapter[], source: Environment, problems: ConfigProblem[]): Promise<void> {
  const given = adapters.flatMap(({ config }) => Object.values(config)).filter(({ env }) => source[env] !== undefined)
  for (const variable of new Set(given.map(({ env }) => env))) {
    const readings: ConfigProblem[][] = []
    for (const setting of given.filter(({ env }) => env === variable)) {
      const wrong: ConfigProblem[] = []
      await readShape({ setting }, source, wrong)
      readings.push(wrong)
    }
    if (readings.every((wrong) => wrong.length > 0)) problems.push(...readings[0]!)
  }
}

function validatorFailed({ env, doc }: Setting, error: unknown): { env: string; got: string; wants: string } {
  return {
    env,
    got: 'a value that its validator failed on',
    wants: `${doc} (the validator threw ${error instanceof Error ? error.name : typeof error})`,
  }
}

/** What must not be shown: secrets, also under a misspelt name, and the passwords of addresses. */
function secretValues(adapters: readonly AnyAdapter[], source: Environment): readonly string[] {
  const known = new Set(knownVariables(adapters))
  const secrets = new Set(adapters.flatMap(({ config }) => Object.values(config).filter(({ secret }) => secret)).map(({ env }) => env))
  return Object.entries(source).flatMap(([name, text]) => {
    const meant = known.has(name) ? name : nearestName(name.toUpperCase(), known)
    if (meant !== undefined && secrets.has(meant)) return [String(text)]
    return /:\/\/[^\s/?#]*?:([^\s/?#]*)@/.exec(String(text))?.[1] ?? []
  })
}

function cleaned({ variable, got, wants, nearest }: ConfigProblem, redact: Redactor): ConfigProblem {
  const clean = (text: string): string => redact.text(maskAddresses(text))
  return { variable, got: clean(got), wants: clean(wants), ...(nearest === undefined ? {} : { nearest }) }
}

/** Adapters share variables (one directory for all embedded engines): say each problem once. */
function distinct(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...new Map(problems.map((problem) => [`${problem.variable}\n${problem.got}\n${problem.wants}`, problem])).values()]
}
