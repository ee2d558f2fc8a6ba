export { ossKafkaJobs } from './jobs/index.js'
export { ossKafkaTelemetry } from './telemetry/index.js'
