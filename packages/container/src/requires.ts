import { type AnyAdapter, invalid, type PortName, portNames, type PortTypes, type Profile } from '@pdvend/ports'

/** The homes of an app, by the name that `PDVEND_PROFILE` takes. */
export type Profiles = Readonly<Record<string, Profile>>

/** Capabilities that an app cannot do without, by port. */
export type Requires = {
  readonly [Port in PortName]?: readonly (keyof PortTypes[Port]['capabilities'] & string)[]
}

/** Stands in a compiler error where an app requires what a profile has not got. */
export interface Lacks<Message extends string> {
  readonly lacks: Message
}

/** The profiles whose adapter for `Port` declares `Capability` false. */
type Lacking<P extends Profiles, Port extends PortName, Capability extends PropertyKey> = {
  [Name in keyof P & string]: P[Name][Port]['capabilities'] extends { readonly [C in Capability]: false } ? Name : never
}[keyof P & string]

type CheckedList<P extends Profiles, Port extends PortName, List> = {
  readonly [I in keyof List]: [Lacking<P, Port, List[I] & string>] extends [never]
    ? List[I]
    : List[I] & Lacks<`profile ${Lacking<P, Port, List[I] & string>} has no ${Port} capability ${List[I] & string}`>
}

/** `R`, with a type that nothing fits at each capability that any of the profiles declares false. */
export type CheckedRequires<P extends Profiles, R> = {
  readonly [Port in keyof R]: Port extends PortName ? CheckedList<P, Port, R[Port]> : never
}

/** A capability that the app requires and the adapter has not got. */
export interface CapabilityGap {
  readonly port: PortName
  readonly adapter: string
  readonly capability: string
}

/** What `capabilities` lacks of what is required of `port`. */
export function gapsOf(requires: Requires, { port, name }: AnyAdapter, capabilities: object): readonly CapabilityGap[] {
  const has = capabilities as Readonly<Record<string, boolean>>
  return (requires[port] ?? []).filter((capability) => has[capability] !== true).map((capability) => ({ port, adapter: name, capability }))
}

/** Refuses ports and capabilities that do not exist, for callers without a compiler. @throws INVALID_ARGUMENT */
export function assertRequires(requires: Requires, adapters: readonly AnyAdapter[]): void {
  const place = { adapter: 'container', operation: 'defineApp' }
  for (const [port, names] of Object.entries(requires)) {
    if (!portNames.includes(port as PortName)) throw invalid('requires', port, `the ports are ${portNames.join(', ')}`, place)
    const known = new Set(adapters.filter((adapter) => adapter.port === port).flatMap(({ capabilities }) => Object.keys(capabilities)))
    for (const name of names ?? [])
      if (!known.has(name))
        throw invalid(`requires.${port}`, name, `the capabilities of ${port} are ${[...known].sort().join(', ')}`, place)
  }
}
