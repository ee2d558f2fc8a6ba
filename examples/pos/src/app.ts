import { aws } from '@pdvend/aws'
import { defineApp } from '@pdvend/container'
import { local, noopTelemetry, stdoutTelemetry } from '@pdvend/local'
import { onprem } from '@pdvend/onprem'
import { importCatalogue, issueReceipt } from './contracts/jobs.js'
import { jsonLog } from './json-log.js'

/**
 * The only place that knows adapters: the app's homes, and what it needs of any of them. `pdvend provision --app dist/app.js`
 * reads it too.
 */
export const app = defineApp({
  profiles: { local, onprem, aws },
  adapters: [stdoutTelemetry, noopTelemetry],
  jobs: [issueReceipt, importCatalogue],
  requires: {
    blob: ['conditionalWrites', 'signedUrls', 'signedPost'],
    jobs: ['fifo', 'dedupe'],
    push: ['journal', 'presence', 'credentials'],
  },
  log: jsonLog,
})
