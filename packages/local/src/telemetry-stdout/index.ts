import { defineAdapter } from '@pdvend/ports'

/** Telemetry as NDJSON on standard output: one CloudEvents envelope a line, for a log collector. */
export const stdoutTelemetry = defineAdapter({
  port: 'telemetry',
  name: 'stdout',
  config: {},
  capabilities: { orderedByKey: true, exactlyOnce: false, query: false },
  open: async () => (await import('./driver.js')).openStdout(process.stdout),
})

export { stdoutTelemetry as manifest }
