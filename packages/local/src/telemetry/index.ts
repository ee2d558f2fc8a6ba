import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/** Telemetry in an SQLite table in `telemetry.db`: one row an event, by its id. */
export const localTelemetry = defineAdapter({
  port: 'telemetry',
  name: 'local-telemetry',
  config,
  capabilities: { orderedByKey: true, exactlyOnce: true, query: true },
  open: async (settings, deps) => (await import('./driver.js')).openTelemetry(settings, deps),
})

export { localTelemetry as manifest }
