export type { Allowed } from './policy.js'
export { codesUnder, faultKinds, strengths, type Fault, type FaultKind, type Strength } from './faults.js'
export { startAwsProxy, type AwsProxy, type AwsProxyOptions } from './proxy.js'
export type { AwsService } from './types.js'
