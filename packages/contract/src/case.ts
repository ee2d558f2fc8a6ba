import type { PortName, PortTypes } from '@pdvend/ports'
import type { Subject } from './subject.js'

/** What an engine handle lets a case do. */
export type EngineAbility = 'restart' | 'kill' | 'wipe' | 'pause' | 'processes' | 'fakeClock' | 'damage' | 'leftovers' | 'storedEvents'

/** One clause of the contract, executable against any adapter of its port. */
export interface ContractCase<Port extends PortName, Face> {
  /** Clause id, e.g. `B57`; it stands in docstrings and in the published matrix. */
  readonly id: string
  /** The clause as a sentence: "a reader sees the old bytes or the new, never a mix". */
  readonly title: string
  /** Runs only where the adapter declares all of these; where one is false, its refusal is checked instead. */
  readonly needs?: readonly (keyof PortTypes[Port]['capabilities'] & string)[]
  /** An ability of the engine handle that does as well as the capabilities in `needs`: with it the case runs although one is false. */
  readonly orEngine?: EngineAbility
  /** What the engine handle must be able to do. */
  readonly engine?: readonly EngineAbility[]
  /** Default 30,000. */
  readonly timeoutMs?: number
  run(subject: Subject<Port, Face>): Promise<void>
}

/** A driver broken on purpose: the suite proves itself by catching it. */
export interface Mutant<Port extends PortName> {
  readonly name: string
  /** The fault in a sentence. */
  readonly fault: string
  /** Clauses that are expected to catch it, run in this order. */
  readonly clauses: readonly string[]
  /** Breaks a driver. */
  mutate(driver: PortTypes[Port]['driver']): PortTypes[Port]['driver']
}

/** All that is known of one port's contract. */
export interface ContractSuite<Port extends PortName, Face> {
  readonly port: Port
  readonly cases: readonly ContractCase<Port, Face>[]
  readonly mutants: readonly Mutant<Port>[]
  /** The app's face over a driver. */
  face(driver: PortTypes[Port]['driver'], options: FaceOptions<Port>): Face
  close(face: Face): Promise<void>
  /** For each capability, a call that must be refused with UNSUPPORTED before any I/O where it is false. */
  readonly refusals: { readonly [C in keyof PortTypes[Port]['capabilities']]?: (face: Face) => Promise<unknown> }
}

/** What the kit hands to a port class's constructor; a suite may pass more through `extra`. */
export interface FaceOptions<Port extends PortName> {
  readonly adapter: string
  readonly capabilities: PortTypes[Port]['capabilities']
  readonly clock: import('@pdvend/ports').Clock
  readonly random: () => number
  readonly extra: Readonly<Record<string, unknown>>
}
