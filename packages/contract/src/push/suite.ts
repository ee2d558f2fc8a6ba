import type { ContractSuite } from '../case.js'

/** The contract of push. */
export const pushSuite: ContractSuite<'push', never> = {
  port: 'push',
  cases: [],
  mutants: [],
  face: () => undefined as never,
  close: () => Promise.resolve(),
  refusals: {},
}
