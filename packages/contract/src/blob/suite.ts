import type { ContractSuite } from '../case.js'

/** The contract of blob. */
export const blobSuite: ContractSuite<'blob', never> = {
  port: 'blob',
  cases: [],
  mutants: [],
  face: () => undefined as never,
  close: () => Promise.resolve(),
  refusals: {},
}
