import { type AnyAdapter, type Clock, invalid, type Logger, type PortName, portNames, silentLogger, systemClock } from '@pdvend/ports'
import { type Choices, type Environment, readEnvironment } from './environment.js'
import { permissionsOf, type PortPermissions } from './permissions.js'
import type { PortSettings } from './port-classes.js'
import { type AppJob, planProvision, type Provision } from './provision.js'
import { assertRequires, type CheckedRequires, type Profiles, type Requires } from './requires.js'
import { run, type Running } from './running.js'
import { openPorts } from './start.js'

/** What an app is made of. */
export interface AppOptions<P extends Profiles, R extends Requires> {
  /** The homes that the app may run in, by the name that `PDVEND_PROFILE` takes: `{ aws, onprem, local }`. */
  readonly profiles: P
  /** Capabilities that it cannot do without. The compiler refuses one that any of the profiles has not got. */
  readonly requires?: R & CheckedRequires<P, R>
  /** Adapters beside those of the profiles, for `PDVEND_BLOB=<name>` and the like: any package's manifest will do. */
  readonly adapters?: readonly AnyAdapter[]
  /**
   * Its job definitions: `provision` makes their queues, and `start` refuses an engine that has not got them. Default none: then
   * it is the first job that finds its queue missing.
   */
  readonly jobs?: readonly AppJob[]
  /** Options of the port classes beside the environment's. */
  readonly ports?: PortSettings
  /** Default: says nothing. */
  readonly log?: Logger
  /** Signals that drain the app and then end the process by that signal; `[]` for none. Default SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[]
  readonly clock?: Clock
}

/** An app that is not started yet. */
export interface App<P extends Profiles = Profiles> {
  readonly profiles: P
  /** All adapters that the app knows: those of its profiles and those passed beside them. */
  readonly adapters: readonly AnyAdapter[]
  /**
   * Reads the environment without opening anything: what would be started.
   * @throws CONFIG_INVALID with every problem at once ({@link ConfigError})
   */
  check(env?: Environment): Promise<Chosen>
  /**
   * Reads the environment, opens the adapters that it asks for and puts their ports into a container.
   * `env` defaults to `process.env`.
   * @throws CONFIG_INVALID with every problem at once ({@link ConfigError}) | what an adapter's `open` throws; nothing stays open
   */
  start<const Port extends PortName = PortName>(env?: Environment, options?: StartOptions<Port>): Promise<Running<Port>>
  /**
   * Reads the environment, looks at the engines that it asks for and plans what they lack; `apply` of the plan makes it. Opens no
   * port. `env` defaults to `process.env`.
   * @throws CONFIG_INVALID with every problem at once ({@link ConfigError}) | what an adapter's `provision` throws
   */
  provision(env?: Environment, options?: ProvisionOptions): Promise<Provision>
  /**
   * Reads the environment and says which rights the running app needs of its engines, port by port; those of `provision` are not
   * among them. Opens nothing. `env` defaults to `process.env`.
   * @throws CONFIG_INVALID with every problem at once ({@link ConfigError})
   */
  permissions(env?: Environment, options?: ProvisionOptions): Promise<readonly PortPermissions[]>
}

/** What an environment asks for. */
export interface Chosen {
  readonly profile: string
  /** The adapter of each port. */
  readonly adapters: { readonly [Port in PortName]: AnyAdapter<Port> }
}

export interface StartOptions<Port extends PortName> {
  /** These ports alone, e.g. a worker that needs no broker: `['jobs', 'blob']`. Default: all four. */
  readonly only?: readonly Port[]
}

export interface ProvisionOptions extends StartOptions<PortName> {
  /** Jobs beside the app's own, e.g. one of an operator's tool. */
  readonly jobs?: readonly AppJob[]
}

/**
 * Declares an app: its homes and what it needs of them. Nothing is read or loaded before `start`.
 * @throws INVALID_ARGUMENT when adapters contradict each other or a required capability does not exist
 */
export function defineApp<const P extends Profiles, const R extends Requires = {}>(options: AppOptions<P, R>): App<P> {
  const { profiles, jobs = [], ports = {}, log = silentLogger, signals = ['SIGTERM', 'SIGINT'], clock = systemClock } = options
  const adapters = collectAdapters(profiles, options.adapters ?? [])
  const requires: Requires = options.requires ?? {}
  assertRequires(requires, adapters)
  assertJobs(jobs)
  const choices: Choices = { profiles, requires, adapters }
  return {
    profiles,
    adapters,
    async check(env = process.env) {
      const { profile, adapters: chosen } = await readEnvironment(choices, env)
      return { profile, adapters: chosen }
    },
    async start<Port extends PortName>(env: Environment = process.env, { only }: StartOptions<Port> = {}) {
      assertPorts(only, 'start')
      const plan = await readEnvironment(choices, env)
      const opened = await openPorts(choices, plan, only ?? portNames, { clock, log, ports, jobs })
      const running = run<Port>(plan, opened, signals, log)
      log.info({ profile: plan.profile, ...running.adapters, facts: running.facts }, 'started')
      return running
    },
    async provision(env = process.env, { only, jobs: more = [] } = {}) {
      assertPorts(only, 'provision')
      return planProvision(await readEnvironment(choices, env), together(more, jobs), only ?? portNames, { clock, log })
    },
    async permissions(env = process.env, { only, jobs: more = [] } = {}) {
      assertPorts(only, 'permissions')
      return permissionsOf(await readEnvironment(choices, env), together(more, jobs), only ?? portNames)
    },
  }
}

/** Each job once, the app's own before another of its name. */
function together(more: readonly AppJob[], jobs: readonly AppJob[]): readonly AppJob[] {
  return [...new Map([...more, ...jobs].map((job) => [job.name, job])).values()]
}

function assertPorts(only: readonly PortName[] | undefined, operation: string): void {
  const unknown = only?.find((port) => !portNames.includes(port))
  if (unknown !== undefined) throw invalid('only', unknown, `the ports are ${portNames.join(', ')}`, { adapter: 'container', operation })
}

function assertJobs(jobs: readonly AppJob[]): void {
  const names = jobs.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw invalid('jobs', twice, 'two jobs have this name, which is their queue', { adapter: 'container', operation: 'defineApp' })
}

/** Every adapter once; one name for two adapters of a port would make the override ambiguous. */
function collectAdapters(profiles: Profiles, beside: readonly AnyAdapter[]): readonly AnyAdapter[] {
  const place = { adapter: 'container', operation: 'defineApp' }
  if (Object.keys(profiles).length === 0) throw invalid('profiles', profiles, 'list at least one profile', place)
  const all = new Set<AnyAdapter>()
  for (const [name, profile] of Object.entries(profiles)) {
    for (const port of portNames) {
      const adapter = profile[port]
      if (adapter?.port !== port) throw invalid(`profiles.${name}.${port}`, adapter, `give the manifest of an adapter of ${port}`, place)
      all.add(adapter)
    }
  }
  for (const [at, adapter] of beside.entries()) {
    if (!portNames.includes(adapter?.port))
      throw invalid(`adapters[${at}]`, adapter, 'give an adapter manifest, as defineAdapter returns it', place)
    all.add(adapter)
  }
  const seen = new Map<string, AnyAdapter>()
  for (const adapter of all) {
    const id = `${adapter.port} ${adapter.name}`
    if (seen.has(id))
      throw invalid('adapters', id, 'two adapters of one port have this name: rename one, or remove the second copy of its package', place)
    seen.set(id, adapter)
  }
  return [...all]
}
