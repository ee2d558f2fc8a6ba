import type { BlobCapabilities, BlobDriver } from './blob/driver.js'
import type { Clock } from './clock.js'
import type { JobCapabilities, JobDriver } from './jobs/driver.js'
import type { Logger } from './log.js'
import type { Permission } from './permissions.js'
import type { ProvisionPlan, ProvisionResources } from './provision.js'
import type { PushCapabilities, PushDriver } from './push/driver.js'
import type { SettingsOf, SettingsShape } from './settings.js'
import type { TelemetryCapabilities, TelemetryDriver } from './telemetry/driver.js'

/** What each port's driver and capabilities are. */
export interface PortTypes {
  blob: { driver: BlobDriver; capabilities: BlobCapabilities }
  jobs: { driver: JobDriver; capabilities: JobCapabilities }
  push: { driver: PushDriver; capabilities: PushCapabilities }
  telemetry: { driver: TelemetryDriver; capabilities: TelemetryCapabilities }
}

export type PortName = keyof PortTypes

/** The ports in the order in which they start; they close in reverse. */
export const portNames = ['telemetry', 'blob', 'jobs', 'push'] as const satisfies readonly PortName[]

/** What `open` gets beside its settings. */
export interface AdapterDeps {
  readonly clock: Clock
  readonly log: Logger
  /** Aborts when the start's deadline passes. */
  readonly signal: AbortSignal
}

/**
 * An adapter's manifest: everything that is known without loading its vendor's SDK. Its module imports no vendor code;
 * `open` does, by `await import('./driver.js')`.
 */
export interface AdapterManifest<
  Port extends PortName = PortName,
  Capabilities extends PortTypes[Port]['capabilities'] = PortTypes[Port]['capabilities'],
  Shape extends SettingsShape = SettingsShape,
> {
  readonly port: Port
  /** Kebab-case and unique, e.g. `aws-s3`; the value of `PDVEND_BLOB` and the like. */
  readonly name: string
  readonly config: Shape
  /** What the adapter can do at its best; an engine that can do less says so in its driver's `capabilities`. */
  readonly capabilities: Capabilities
  /**
   * Connects and proves that the engine answers, or fails naming the setting to check. One that throws holds nothing any more:
   * after UNAVAILABLE or RATE_LIMITED it is called again, where the error is retryable.
   * @throws CONFIG_INVALID | UNAVAILABLE | UNAUTHENTICATED | PERMISSION_DENIED | NOT_FOUND (e.g. the bucket)
   */
  open(settings: SettingsOf<Shape>, deps: AdapterDeps): Promise<PortTypes[Port]['driver']>
  /**
   * Looks at what the engine has and plans what is missing: buckets, topics, queues. `open` never makes them. Lazy like
   * `open`. Absent: nothing has to be made beforehand.
   */
  provision?(settings: SettingsOf<Shape>, resources: ProvisionResources, deps: AdapterDeps): Promise<ProvisionPlan>
  /**
   * The rights that the running app needs for these resources, those of `provision` not among them. Opens and loads nothing. Absent:
   * the engine's access control has no words of its own for it.
   */
  permissions?(settings: SettingsOf<Shape>, resources: ProvisionResources): readonly Permission[]
}

/** A manifest of any adapter of one port, its settings' types forgotten. */
export interface AnyAdapter<
  Port extends PortName = PortName,
  Capabilities extends PortTypes[Port]['capabilities'] = PortTypes[Port]['capabilities'],
> {
  readonly port: Port
  readonly name: string
  readonly config: SettingsShape
  readonly capabilities: Capabilities
  open(settings: never, deps: AdapterDeps): Promise<PortTypes[Port]['driver']>
  provision?(settings: never, resources: ProvisionResources, deps: AdapterDeps): Promise<ProvisionPlan>
  permissions?(settings: never, resources: ProvisionResources): readonly Permission[]
}

/** Types a manifest: capabilities are kept as literals, so that the compiler can check what an app requires. */
export function defineAdapter<
  const Port extends PortName,
  const Capabilities extends PortTypes[Port]['capabilities'],
  const Shape extends SettingsShape,
>(manifest: AdapterManifest<Port, Capabilities, Shape>): AdapterManifest<Port, Capabilities, Shape> {
  return manifest
}

/** A home for the app: one adapter for each port. */
export interface Profile {
  readonly blob: AnyAdapter<'blob'>
  readonly jobs: AnyAdapter<'jobs'>
  readonly push: AnyAdapter<'push'>
  readonly telemetry: AnyAdapter<'telemetry'>
}
