export { ossKafkaTelemetry } from './telemetry/index.js'
