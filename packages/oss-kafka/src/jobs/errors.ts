import { kafkaErrors } from '../errors.js'

export const ADAPTER = 'oss-kafka'

export const fail = kafkaErrors(ADAPTER, 'JOBS')
