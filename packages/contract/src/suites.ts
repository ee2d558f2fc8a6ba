import type { PortName } from '@pdvend/ports'
import { blobSuite } from './blob/suite.js'
import type { ContractSuite } from './case.js'
import { jobsSuite } from './jobs/suite.js'
import { pushSuite } from './push/suite.js'
import { telemetrySuite } from './telemetry/suite.js'

const suites = { blob: blobSuite, jobs: jobsSuite, push: pushSuite, telemetry: telemetrySuite }

/** The contract of one port. */
export function suiteOf<Port extends PortName>(port: Port): ContractSuite<Port, unknown> {
  return suites[port] as unknown as ContractSuite<Port, unknown>
}
