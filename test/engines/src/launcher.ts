import type { Engine } from '@pdvend/contract'

/** The engines that this package can start. */
export const engineNames = [
  'minio',
  'versitygw',
  'kafka',
  'mosquitto',
  'hivemq',
  'emqx',
  'postgres',
  'toxiproxy',
  'ministack',
  'elasticmq',
  'redis',
] as const
export type EngineName = (typeof engineNames)[number]

/** Where progress goes, a line at a time. */
export type Report = (line: string) => void

/** An engine of ours, running on loopback with data of its own. One that the environment names can only be used and let go. */
export interface RunningEngine extends Engine {
  readonly engine: EngineName
  readonly version: string
  /** With the credentials, e.g. `http://key:secret@127.0.0.1:23001`, `postgres://…/pdvend`; Kafka: `host:port`. */
  readonly url: string
  /** The process that serves now; changes by `restart`, `kill` and `wipe`. Absent in a container or when named by the environment. */
  readonly pid: number | undefined
  /** The run's folder, removed by `stop`; empty for one that the environment names. */
  readonly folder: string
  /** Takes it away, in order or by kill -9, until the returned function has started it again with its data. Absent in what cannot be broken. */
  down?(how: 'in-order' | 'killed'): Promise<() => Promise<void>>
  /** What it has written so far, for a failing test's report. */
  log(): Promise<string>
  /** Ends it and removes what it left. May be called again. */
  stop(): Promise<void>
}

/** Where one run of an engine lives. Ports and folders stay the same over `restart`, `kill` and `wipe`. */
export interface Place {
  readonly version: string
  /** The run's folder: configuration and sockets. */
  readonly folder: string
  /** Inside it; emptied by `wipe`. */
  readonly data: string
  /** Free ports on 127.0.0.1, as many as {@link Launcher.ports} asks for. */
  readonly ports: readonly number[]
}

/** How one engine is run as a process. */
export interface Plan {
  readonly url: string
  /** What it really is, where {@link Launcher.versions} names a series. */
  readonly version?: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Another user to run as, e.g. because PostgreSQL refuses root. Owns the run's folder. */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** What ends it in order. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** Before each start: writes the configuration, and the first data where `data` is empty. */
  prepare?(): Promise<void>
  /** True once it serves. Asked every 25 ms; a rejection means not yet. */
  ready(): Promise<boolean>
}

/** How one engine is run as a container, on machines where Docker answers. */
export interface Container {
  image(version: string): string
  /** Where it keeps its data inside; becomes a volume. */
  readonly data: string
  /** Its ports inside, in the order of the place's; absent: the same as outside. */
  readonly ports?: readonly number[]
  readonly env?: (place: Place) => Readonly<Record<string, string>>
  readonly args?: (place: Place) => readonly string[]
  url(place: Place): string
  ready(place: Place): Promise<boolean>
}

/** Everything that differs between engines; one file each in `engines/`. */
export interface Launcher {
  readonly name: EngineName
  /** As people write it. */
  readonly title: string
  /** What may be asked for; the first is the default. An engine that comes from the system's packages names the oldest series that will do. */
  readonly versions: readonly [string, ...string[]]
  /** Names an engine that runs already, in the form of {@link RunningEngine.url}. */
  readonly variable: `PDVEND_TEST_${string}`
  readonly ports: number
  readonly container?: Container
  /** Why no package manager has it, so that it comes as a container or named by the environment; no failure with `CI=true`. */
  readonly elsewhere?: string
  /** The settings that an app needs for the engine at `url`. */
  settings(url: string): Readonly<Record<string, string>>
  /** The folder of what is already here, or undefined: never builds. */
  find(version: string): Promise<string | undefined>
  /** Builds or fetches it into the cache; returns its folder. Throws {@link EngineMissing} where this machine cannot. */
  provision(version: string, report: Report): Promise<string>
  plan(home: string, place: Place): Promise<Plan>
}

/** This machine cannot have the engine; the message says why and what to install. */
export class EngineMissing extends Error {
  override readonly name = 'EngineMissing'
}
