import {
  type AnyAdapter,
  type Clock,
  PortError,
  type PortName,
  type PortTypes,
  readSettings,
  type SettingsShape,
  silentLogger,
  systemClock,
} from '@pdvend/ports'
import { type Child, spawnChild } from './child-process.js'
import type { ContractSuite, EngineAbility, Mutant } from './case.js'
import type { Engine } from './engine.js'
import { FakeClock } from './fake-clock.js'

/** How a case opens the adapter. */
export interface OpenOptions {
  /** Settings beside the engine's. */
  readonly env?: Readonly<Record<string, string>>
  /** Default: the subject's. Cases that share an engine with other processes need the machine's. */
  readonly clock?: Clock
  /** Options for the port class's constructor. */
  readonly face?: Readonly<Record<string, unknown>>
  /** Wraps the driver, e.g. to count or to fail calls. */
  readonly wrap?: (driver: never) => unknown
}

/** How all cases of one run open it. */
export interface SubjectOptions<Port extends PortName> {
  readonly seed: number
  readonly mutant?: Mutant<Port>
  /** Part of the calls that fail with UNAVAILABLE before they reach the driver, 0 to 1. */
  readonly chaos?: number
  /** How many times longer than usual a case may take on the machine's clock, e.g. where many run side by side. Default 1. */
  readonly patience?: number
}

/** What a case works with: the adapter under test, time, randomness, other processes. Everything it opens is closed after it. */
export class Subject<Port extends PortName, Face> implements AsyncDisposable {
  readonly clock: Clock
  readonly random: () => number
  /** Unique for this case and run; use it in each name. */
  readonly run: string
  readonly #closers: (() => Promise<unknown>)[] = []
  readonly #queues = new Map<string, Promise<void>>()

  constructor(
    readonly suite: ContractSuite<Port, Face>,
    readonly manifest: AnyAdapter<Port>,
    readonly engine: Engine,
    readonly options: SubjectOptions<Port>,
  ) {
    this.clock = engine.clock === 'fake' ? new FakeClock() : systemClock
    this.random = seeded(options.seed)
    this.run = `c${process.pid.toString(36)}${(counter++).toString(36)}${Math.floor(Math.random() * 36 ** 4).toString(36)}`
  }

  /** The clock of an embedded engine; cases that use it say so by `engine: ['fakeClock']`. */
  get fakeClock(): FakeClock {
    if (this.clock instanceof FakeClock) return this.clock
    throw new Error('this case needs the ability fakeClock')
  }

  /** How many times longer than usual something may take on the machine's clock; for cases that give a call little time. */
  get patience(): number {
    return this.options.patience ?? 1
  }

  /** A driver of its own, without the app's face. */
  async driver(open: OpenOptions = {}): Promise<PortTypes[Port]['driver']> {
    const read = await readSettings(this.manifest.config as SettingsShape, { ...this.engine.env, ...open.env })
    if (read.problems !== undefined) throw new Error(`the engine's settings are wrong: ${JSON.stringify(read.problems)}`)
    const deps = { clock: open.clock ?? this.clock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
    const driver = await this.manifest.open(read.settings as never, deps)
    this.#closers.push(() => driver.close())
    const provisioned = this.engine.provision === undefined ? driver : this.#provisioned(driver, this.engine.provision.bind(this.engine))
    const mutated = this.options.mutant?.mutate(provisioned) ?? provisioned
    const shaken = this.options.chaos ? unreliable(mutated, this.options.chaos, this.random) : mutated
    return (open.wrap?.(shaken as never) ?? shaken) as PortTypes[Port]['driver']
  }

  /** Makes each queue before its first job is put in or asked for: an app's are made by `pdvend provision`. */
  #provisioned<D extends object>(driver: D, provision: (queues: readonly string[]) => Promise<void>): D {
    return intercept(driver, async (name, call, [first]) => {
      const queues =
        name === 'enqueue'
          ? (first as readonly { readonly name: string }[]).map((job) => job.name)
          : name === 'receive'
            ? (first as { readonly names: readonly string[] }).names
            : []
      const fresh = [...new Set(queues)].filter((queue) => !this.#queues.has(queue))
      // A worker may ask for a queue while the first job goes in: it is made once, and both wait.
      const making = fresh.length > 0 ? provision(fresh) : undefined
      for (const queue of fresh) this.#queues.set(queue, making!)
      await Promise.all(queues.map(async (queue) => this.#queues.get(queue)))
      return call()
    })
  }

  /** The app's face over a driver of its own. */
  async open(open: OpenOptions = {}): Promise<Face> {
    const driver = await this.driver(open)
    const face = this.suite.face(driver, {
      adapter: this.manifest.name,
      capabilities: driver.capabilities ?? this.manifest.capabilities,
      clock: open.clock ?? this.clock,
      random: this.random,
      extra: open.face ?? {},
    })
    this.defer(() => this.suite.close(face))
    return face
  }

  /** Runs `close` after the case, last first. */
  defer(close: () => Promise<unknown>): void {
    this.#closers.push(close)
  }

  /** Starts another process with the same adapter; `script` is the URL of a module that exports `run(manifest, env, args, send)`. */
  spawn(script: URL, args: Readonly<Record<string, unknown>> = {}): Child {
    if (this.engine.module === undefined) throw new Error('this case needs the ability processes')
    const child = spawnChild(script, { module: this.engine.module, env: this.engine.env, args })
    this.defer(() => child.kill())
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
  }
}

/** Does the engine handle offer it? */
export function hasAbility(engine: Engine, ability: EngineAbility): boolean {
  if (ability === 'fakeClock') return engine.clock === 'fake'
  if (ability === 'processes') return engine.module !== undefined
  return engine[ability] !== undefined
}

let counter = 0

/** mulberry32: the same seed gives the same run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Fails a share of the calls before they reach the driver. */
function unreliable<D extends object>(driver: D, share: number, random: () => number): D {
  return intercept(driver, (name, call) => {
    if (random() >= share) return call()
    return Promise.reject(new PortError('UNAVAILABLE', { adapter: 'chaos', operation: name, detail: 'injected', outcome: 'not-applied' }))
  })
}

/** Wraps every async method of a driver but `close`. */
export function intercept<D extends object>(
  driver: D,
  around: (name: string, call: () => unknown, args: readonly unknown[]) => unknown,
): D {
  return new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || typeof name !== 'string') return value
      if (name === 'close') return value.bind(target)
      return (...args: unknown[]) => around(name, () => (value as (...a: unknown[]) => unknown).apply(target, args), args)
    },
  })
}
