import type { Profile } from '@pdvend/ports'
import { localBlob } from './blob/index.js'
import { localJobs } from './jobs/index.js'
import { localPush } from './push/index.js'
import { localTelemetry } from './telemetry/index.js'

/** All four ports embedded in the process, with their data under `PDVEND_LOCAL_DIR`: nothing to install, nothing to run. */
export const local = { blob: localBlob, jobs: localJobs, push: localPush, telemetry: localTelemetry } as const satisfies Profile
