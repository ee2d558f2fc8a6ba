/**
 * Since when Apache Kafka speaks what: API key and its version, read off brokers of 4.4.0, 4.2.2 and 3.9.2 (2026-11-25). Newest
 * first. ShareAcknowledge 2, Metadata 13, AddRaftVoter 0.
 */
const SERIES = [
  ['4.2', 79, 2],
  ['4.0', 3, 13],
  ['3.9', 80, 0],
] as const

/** What cannot be done without: API key, its least version, and what it is. */
const NEEDED = [
  [22, 1, 'InitProducerId 1, for idempotent producers'],
  [0, 7, 'Produce 7'],
  [1, 11, 'Fetch 11'],
] as const

/** The oldest series that the contract runs on. */
const TESTED = '3.9'

/** Series of the broker with these APIs (key and highest version), e.g. `4.2 or later`. */
export function brokerSeries(apis: ReadonlyMap<number, number>): string {
  const found = SERIES.find(([, key, version]) => (apis.get(key) ?? -1) >= version)
  return found === undefined ? `older than ${TESTED}, untested` : `${found[0]} or later`
}

/** Why a broker with these APIs cannot be used; undefined where it can. */
export function whyTooOld(apis: ReadonlyMap<number, number>): string | undefined {
  const lacks = NEEDED.filter(([key, version]) => (apis.get(key) ?? -1) < version).map(([, , what]) => what)
  return lacks.length === 0 ? undefined : `it lacks ${lacks.join('; ')}; use Kafka ${TESTED} or later`
}
