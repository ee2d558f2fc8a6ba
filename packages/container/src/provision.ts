import {
  type AdapterDeps,
  type AnyAdapter,
  type Clock,
  type Logger,
  PortError,
  type PortName,
  portNames,
  type ProvisionPlan,
  type ProvisionResources,
  type ProvisionStep,
} from '@pdvend/ports'
import { within } from './closing.js'
import { adapterFailure } from './driver-failure.js'
import type { Plan } from './environment.js'

/** A kind of job that an app has; every `JobDefinition` is one. One with a `key` keeps the order of each key. */
export interface AppJob {
  readonly name: string
  readonly key?: (input: never) => string
}

/** What one port's engine should have. */
export interface PortProvision {
  readonly port: PortName
  readonly adapter: string
  /** Empty where the adapter wants nothing made beforehand. */
  readonly steps: readonly ProvisionStep[]
}

/** What an app's engines should have: buckets, topics, queues. Nothing was changed yet. */
export interface Provision extends AsyncDisposable {
  readonly profile: string
  readonly ports: readonly PortProvision[]
  /**
   * Carries it out, port by port; doing it again changes nothing.
   * @throws PRECONDITION_FAILED while a step is `refuse`, and then nothing changed | what an engine answers
   */
  apply(): Promise<void>
  /** Frees connections; idempotent. */
  close(): Promise<void>
}

/** Looks at the engines of the ports in `only` and plans what they lack for `jobs`. @throws what an adapter's `provision` throws */
export async function planProvision(
  plan: Plan,
  jobs: readonly AppJob[],
  only: readonly PortName[],
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<Provision> {
  const plans = new Map<PortName, ProvisionPlan>()
  const close = async (): Promise<void> => {
    for (const port of [...plans.values()].reverse()) await port.close()
  }
  try {
    for (const port of portNames.filter((name) => only.includes(name))) {
      const made = await planPort(plan, port, jobs, deps)
      if (made !== undefined) plans.set(port, made)
    }
  } catch (error) {
    await close().catch((failure: unknown) => deps.log.warn({ error: plan.redact.text(String(failure)) }, 'a plan did not close well'))
    throw error
  }
  const ports = portNames
    .filter((port) => only.includes(port))
    .map((port) => ({ port, adapter: plan.adapters[port].name, steps: plans.get(port)?.steps ?? [] }))
  return {
    profile: plan.profile,
    ports,
    async apply() {
      const refused = ports.flatMap(({ steps }) => steps.filter(({ change }) => change === 'refuse'))
      if (refused.length > 0) {
        const detail = refused.map(({ kind, name, detail: why }) => `${kind} ${name}: ${why ?? 'it cannot be changed'}`).join('; ')
        throw new PortError('PRECONDITION_FAILED', { adapter: 'container', operation: 'provision', detail })
      }
      for (const [port, made] of plans)
        await made.apply().catch((cause: unknown) => {
          throw adapterFailure(plan.adapters[port], 'provision', cause, plan.redact)
        })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** One port's plan; undefined where its adapter has none. */
export async function planPort(
  plan: Plan,
  port: PortName,
  jobs: readonly AppJob[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<ProvisionPlan | undefined> {
  const adapter: AnyAdapter = plan.adapters[port]
  if (adapter.provision === undefined) return undefined
  const abort = new AbortController()
  const late = `adapter ${adapter.name} did not answer in time; is its engine up? PDVEND_START_MS is ${plan.own.startMs}`
  const given: AdapterDeps = { clock, log, signal: abort.signal }
  const planning = (async () => adapter.provision!(plan.settings[port] as never, resourcesOf(jobs), given))()
  try {
    return await within(plan.own.startMs, late, () => planning)
  } catch (error) {
    abort.abort(error)
    // One that is made after all must not stay open.
    void planning.then(
      (made) => made.close(),
      () => {},
    )
    throw adapterFailure(adapter, 'provision', error, plan.redact)
  }
}

/** What an app needs to exist, as the adapters take it. */
export function resourcesOf(jobs: readonly AppJob[]): ProvisionResources {
  return { jobs: jobs.map(({ name, key }) => ({ name, keyed: key !== undefined })) }
}
