import {
  type AdapterDeps,
  type AnyAdapter,
  type Clock,
  type Driver,
  type Logger,
  type PortError,
  type PortName,
  portNames,
  type PortTypes,
  type TelemetryOptions,
} from '@pdvend/ports'
import { ClosingStack, within } from './closing.js'
import { adapterFailure } from './driver-failure.js'
import { capabilityProblems, type Choices, overrideVariable, type Plan } from './environment.js'
import { HealthWatch } from './health.js'
import { spoolDirectory } from './own-settings.js'
import { type GivenOptions, portClasses, type PortInstances, type PortSettings, telemetryCloseMs } from './port-classes.js'
import { configError, type ConfigProblem } from './problems.js'
import { type AppJob, planPort } from './provision.js'
import { whileUnready } from './unready.js'

export interface StartDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly ports: PortSettings
  /** The app's jobs: their queues must be there. */
  readonly jobs: readonly AppJob[]
}

/** Open ports, what closes them and what watches over them. */
export interface OpenPorts {
  readonly instances: Partial<PortInstances>
  readonly watch: HealthWatch
  readonly stack: ClosingStack
  /** What each adapter measured or chose. */
  readonly facts: Readonly<Partial<Record<PortName, Facts>>>
}

/** What an adapter measured or chose when it opened, e.g. `{ engine: 'share' }`. */
export type Facts = Readonly<Record<string, string>>

/**
 * Opens the plan's adapters of the ports in `only`, in the order of `portNames`, within the time for starting. What fails because its engine
 * is not ready is tried again for a moment. When one fails, or engines turn out to lack required capabilities, what had been opened is closed again.
 * @throws CONFIG_INVALID | DEADLINE_EXCEEDED | what the adapter's `open` throws
 */
export async function openPorts(choices: Choices, plan: Plan, only: readonly PortName[], deps: StartDeps): Promise<OpenPorts> {
  const stack = new ClosingStack(deps.log)
  const watch = new HealthWatch(plan.redact)
  const instances: Partial<Record<PortName, PortInstances[PortName]>> = {}
  const facts: Partial<Record<PortName, Facts>> = {}
  const gaps: ConfigProblem[] = []
  const end = performance.now() + plan.own.startMs
  const patiently = <T>(port: PortName, attempt: () => Promise<T>): Promise<T> =>
    whileUnready(end, attempt, ({ error, ...how }) =>
      deps.log.warn({ port, adapter: plan.adapters[port].name, ...how, error: error.message }, 'the engine is not ready; trying again'),
    )
  try {
    for (const port of portNames.filter((name) => only.includes(name))) {
      const adapter = plan.adapters[port]
      const driver = await patiently(port, () => openDriver(plan, port, Math.max(1, end - performance.now()), deps))
      watch.add(port, adapter.name, driver)
      instances[port] = await openPort(port, driver, plan, deps, watch, stack)
      gaps.push(...capabilityProblems(choices, adapter, driver.capabilities ?? adapter.capabilities, plan.profile, plan.source))
      if (port === 'jobs') gaps.push(...(await patiently(port, () => missingQueues(plan, deps))))
      facts[port] = driver.facts ?? {}
      deps.log.debug({ port, adapter: adapter.name }, 'opened')
    }
    if (gaps.length > 0) throw configError(gaps)
    return { instances: instances as Partial<PortInstances>, watch, stack, facts }
  } catch (error) {
    await stack.close(plan.own.drainMs).catch((failure: unknown) => {
      const failed = failure instanceof AggregateError ? failure.errors.map(String) : [String(failure)]
      deps.log.error({ failed: failed.map(plan.redact.text) }, 'what had been opened did not close well')
    })
    throw error
  }
}

/** A problem for each thing that the app's queues need and the engine has not got: a job must not be the first to find out. */
async function missingQueues(plan: Plan, deps: StartDeps): Promise<readonly ConfigProblem[]> {
  if (deps.jobs.length === 0) return []
  const made = await planPort(plan, 'jobs', deps.jobs, deps)
  if (made === undefined) return []
  await made.close()
  const { name } = plan.adapters.jobs
  return made.steps
    .filter(({ change }) => change === 'create' || change === 'refuse')
    .map(({ kind, name: what, change, detail }) => ({
      variable: plan.source[overrideVariable('jobs')] === undefined ? 'PDVEND_PROFILE' : overrideVariable('jobs'),
      got: `adapter ${name}, whose engine ${change === 'create' ? `has no ${kind} ${what}` : `has ${kind} ${what}, but ${detail ?? 'it is wrong'}`}`,
      wants: "what the app's jobs need: `pdvend provision` shows it, and makes it with --apply",
    }))
}

async function openDriver<Port extends PortName>(
  plan: Plan,
  port: Port,
  leftMs: number,
  { clock, log }: StartDeps,
): Promise<PortTypes[Port]['driver']> {
  const adapter: AnyAdapter<Port> = plan.adapters[port]
  const abort = new AbortController()
  const late = `${overrideVariable(port)}: adapter ${adapter.name} did not open in time; is its engine up? PDVEND_START_MS is ${plan.own.startMs}`
  const given: AdapterDeps = { clock, log, signal: abort.signal }
  const opening = (async () => adapter.open(plan.settings[port] as never, given))()
  try {
    return await within(leftMs, late, () => opening)
  } catch (error) {
    abort.abort(error)
    // One that opens after all must not stay open.
    void opening.then(
      (driver) => driver.close(),
      () => {},
    )
    throw adapterFailure(adapter, 'open', error, plan.redact)
  }
}

/** Puts the app's class over a driver; from here on the stack closes both. */
async function openPort<Port extends PortName>(
  port: Port,
  driver: PortTypes[Port]['driver'],
  plan: Plan,
  { clock, log, ports }: StartDeps,
  watch: HealthWatch,
  stack: ClosingStack,
): Promise<PortInstances[Port]> {
  const { name, capabilities } = plan.adapters[port]
  const closer = { close: (_budgetMs: number): Promise<unknown> => (driver as Driver).close() }
  stack.add(name, (budgetMs) => closer.close(budgetMs))
  const options: GivenOptions<Port> = {
    ...{ clock, log, timeoutMs: plan.own.timeoutMs },
    ...ports[port],
    ...(port === 'telemetry' ? await spooled(plan, clock, log) : {}),
    adapter: name,
    capabilities,
    onFailure: (error: PortError) => watch.failed(port, error),
  }
  const instance = portClasses[port].create(driver, options)
  closer.close = (budgetMs) => portClasses[port].close(instance, budgetMs)
  return instance
}

/** Where events wait on disk, and how long the last of them may take to leave when the app closes. */
async function spooled({ own, source }: Plan, clock: Clock, log: Logger): Promise<Pick<TelemetryOptions, 'spool' | 'closeMs'>> {
  const { openSpool } = await import('@pdvend/spool')
  const directory = spoolDirectory(own, source)
  const spool = await openSpool({ directory, maxBytes: own.spoolMaxBytes, policy: own.spoolPolicy, log, now: () => clock.now() })
  return { spool, closeMs: telemetryCloseMs(own.drainMs) }
}
