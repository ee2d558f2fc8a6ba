import { Telemetry } from '@pdvend/ports'
import type { ContractSuite } from '../case.js'
import { batchingCases } from './batching.js'
import { boundsCases } from './bounds.js'
import { durabilityCases } from './durability.js'
import { emitCases } from './emit.js'
import { telemetryMutants } from './mutants.js'
import { operateCases } from './operate.js'
import { retryCases } from './retry.js'
import { sharingCases } from './sharing.js'
import { storageCases } from './storage.js'
import { timeCases } from './time.js'

/**
 * The contract of telemetry: T1 to T64, apart from what needs the loader of the warehouse, compression, redaction or
 * sampling. The cases use the real disk spool.
 */
export const telemetrySuite: ContractSuite<'telemetry', Telemetry> = {
  port: 'telemetry',
  cases: [
    ...emitCases,
    ...batchingCases,
    ...boundsCases,
    ...durabilityCases,
    ...sharingCases,
    ...retryCases,
    ...timeCases,
    ...storageCases,
    ...operateCases,
  ],
  mutants: telemetryMutants,
  face: (driver, { extra, ...options }) => new Telemetry(driver, { ...options, ...extra }),
  close: (telemetry) => telemetry.close(),
  refusals: { query: (telemetry) => telemetry.query({}) },
}
