import {
  BlobStorage,
  type BlobStorageOptions,
  JobQueue,
  type JobQueueOptions,
  type PortName,
  type PortOptions,
  type PortTypes,
  PushNotifications,
  type PushOptions,
  Telemetry,
  type TelemetryOptions,
} from '@pdvend/ports'

/** The app's class of each port: also the identifier under which the container holds it. */
export interface PortInstances {
  blob: BlobStorage
  jobs: JobQueue
  push: PushNotifications
  telemetry: Telemetry
}

/** What an app may say about each port beside its environment, e.g. `{ blob: { prefix: 'shop-1/' } }`. */
export interface PortSettings {
  readonly blob?: Omit<BlobStorageOptions, ContainersOwn>
  readonly jobs?: Omit<JobQueueOptions, ContainersOwn>
  readonly push?: Omit<PushOptions, ContainersOwn>
  readonly telemetry?: Omit<TelemetryOptions, ContainersOwn | 'spool' | 'closeMs'>
}

/** What the container itself gives to every port. */
type ContainersOwn = 'adapter' | 'capabilities' | 'onFailure'

export interface GivenOptions<Port extends PortName> extends PortOptions {
  readonly adapter: string
  readonly capabilities: PortTypes[Port]['capabilities']
}

interface PortClass<Port extends PortName> {
  readonly identifier: new (driver: PortTypes[Port]['driver']) => PortInstances[Port]
  create(driver: PortTypes[Port]['driver'], options: GivenOptions<Port>): PortInstances[Port]
  /** Closes within about `budgetMs`, where the port can be told. */
  close(port: PortInstances[Port], budgetMs: number): Promise<void>
}

/** Of a port's share of the time for closing, what it may spend on its work; the rest is for disconnecting. */
const DRAIN_SHARE = 0.8

export const portClasses: { readonly [Port in PortName]: PortClass<Port> } = {
  blob: {
    identifier: BlobStorage,
    create: (driver, options) => new BlobStorage(driver, options),
    close: (blobs) => blobs.close(),
  },
  jobs: {
    identifier: JobQueue,
    create: (driver, options) => new JobQueue(driver, options),
    close: (queue, budgetMs) => queue.close({ drainMs: Math.floor(budgetMs * DRAIN_SHARE) }),
  },
  push: {
    identifier: PushNotifications,
    create: (driver, options) => new PushNotifications(driver, options),
    close: (push) => push.close(),
  },
  telemetry: {
    identifier: Telemetry,
    create: (driver, options) => new Telemetry(driver, options),
    close: (telemetry) => telemetry.close(),
  },
}

/** How long telemetry may flush at the end: its even share of the time for closing four ports. */
export const telemetryCloseMs = (drainMs: number): number => Math.max(1, Math.floor((drainMs / 4) * DRAIN_SHARE))
