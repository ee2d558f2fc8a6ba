import { type AnyAdapter, type Permission, type PortName, portNames } from '@pdvend/ports'
import type { Plan } from './environment.js'
import { type AppJob, resourcesOf } from './provision.js'

/** The rights that one port's adapter needs of its engine. */
export interface PortPermissions {
  readonly port: PortName
  readonly adapter: string
  /** Undefined where the adapter has no words for them: its engine grants rights in another way, or none. */
  readonly permissions: readonly Permission[] | undefined
}

/** What the adapters of the ports in `only` say that they need, in the order of the ports. Opens nothing. */
export function permissionsOf(plan: Plan, jobs: readonly AppJob[], only: readonly PortName[]): readonly PortPermissions[] {
  return portNames
    .filter((port) => only.includes(port))
    .map((port) => {
      const adapter: AnyAdapter = plan.adapters[port]
      return { port, adapter: adapter.name, permissions: adapter.permissions?.(plan.settings[port] as never, resourcesOf(jobs)) }
    })
}
