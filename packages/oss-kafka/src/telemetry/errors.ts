import { kafkaErrors } from '../errors.js'

export const ADAPTER = 'oss-kafka-telemetry'

export const fail = kafkaErrors(ADAPTER, 'TELEMETRY')
