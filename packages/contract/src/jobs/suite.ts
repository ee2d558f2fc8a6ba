import type { ContractSuite } from '../case.js'

/** The contract of jobs. */
export const jobsSuite: ContractSuite<'jobs', never> = {
  port: 'jobs',
  cases: [],
  mutants: [],
  face: () => undefined as never,
  close: () => Promise.resolve(),
  refusals: {},
}
