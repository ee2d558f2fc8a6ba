import 'reflect-metadata'
import { Container } from 'inversify'
import { invalid, type Logger, type PortName, portNames } from '@pdvend/ports'
import type { Plan } from './environment.js'
import type { Health, HealthOptions } from './health.js'
import { portClasses, type PortInstances } from './port-classes.js'
import { drainOn } from './signals.js'
import type { Facts, OpenPorts } from './start.js'

export interface CloseOptions {
  /** Time for closing in all, in milliseconds. Default: PDVEND_DRAIN_MS, and that is 10,000 where it is not set. */
  readonly budgetMs?: number
}

/** An app whose ports are open: all four, or those that `start` was told to open. `await using app = await defineApp(...).start()` closes it at the end of the scope. */
export interface Running<Port extends PortName = PortName> extends AsyncDisposable {
  /**
   * Holds `BlobStorage`, `JobQueue`, `PushNotifications` and `Telemetry` as constants under their classes; bind the app's
   * own classes to it. Only the app's `main` should know it.
   */
  readonly container: Container
  /** The profile in force, e.g. `local`. */
  readonly profile: string
  /** The adapter in force of each port, e.g. `local-blob`. */
  readonly adapters: Readonly<Record<Port, string>>
  /** What each adapter measured or chose when it opened; empty where it had nothing to choose. */
  readonly facts: Readonly<Record<Port, Facts>>
  /** Asks all engines at once; never throws. */
  health(options?: HealthOptions): Promise<Health<Port>>
  /**
   * Has `close` called before the ports close, the last added first: for what uses them, such as the HTTP server. It gets
   * its share of the time in milliseconds.
   * @throws CLOSED once closing has begun
   */
  onClose(name: string, close: (budgetMs: number) => Promise<unknown>): void
  /**
   * Closes in the reverse order of opening, one at a time, each within its share of the time that is left. Idempotent:
   * every call gets the first one's outcome.
   * @throws AggregateError with a PortError for each part that failed or was late; the others were closed all the same
   */
  close(options?: CloseOptions): Promise<void>
}

/** Puts open ports into a container and has signals close them. */
export function run<Port extends PortName>(plan: Plan, opened: OpenPorts, signals: readonly NodeJS.Signals[], log: Logger): Running<Port> {
  const { instances, watch, stack } = opened
  const container = new Container()
  const open = portNames.filter((port) => instances[port] !== undefined)
  for (const port of open) bindPort(container, port, instances)
  let stopListening = (): void => {}
  const close = async ({ budgetMs = plan.own.drainMs }: CloseOptions = {}): Promise<void> => {
    if (!(budgetMs > 0)) throw invalid('budgetMs', budgetMs, 'give milliseconds above 0', { adapter: 'container', operation: 'close' })
    return stack.close(budgetMs).finally(() => stopListening())
  }
  stopListening = drainOn(signals, close, log)
  return {
    container,
    profile: plan.profile,
    adapters: Object.fromEntries(open.map((port) => [port, plan.adapters[port].name])) as Record<Port, string>,
    facts: opened.facts as Record<Port, Facts>,
    health: (options) => watch.check(options) as Promise<Health<Port>>,
    onClose: (name, onClose) => stack.add(name, onClose),
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

function bindPort<Port extends PortName>(container: Container, port: Port, instances: Partial<PortInstances>): void {
  container.bind<PortInstances[Port]>(portClasses[port].identifier).toConstantValue(instances[port]!)
}
