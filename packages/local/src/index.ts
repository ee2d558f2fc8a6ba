export { localBlob } from './blob/index.js'
export { localTelemetry } from './telemetry/index.js'
export { noopTelemetry } from './telemetry-noop/index.js'
export { stdoutTelemetry } from './telemetry-stdout/index.js'
