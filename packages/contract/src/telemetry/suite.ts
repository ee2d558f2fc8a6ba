import type { ContractSuite } from '../case.js'

/** The contract of telemetry. */
export const telemetrySuite: ContractSuite<'telemetry', never> = {
  port: 'telemetry',
  cases: [],
  mutants: [],
  face: () => undefined as never,
  close: () => Promise.resolve(),
  refusals: {},
}
