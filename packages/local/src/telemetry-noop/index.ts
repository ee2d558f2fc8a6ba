import { defineAdapter } from '@pdvend/ports'

/** Telemetry that goes nowhere: everything is accepted and forgotten. For tests, and for apps that want none. */
export const noopTelemetry = defineAdapter({
  port: 'telemetry',
  name: 'noop',
  config: {},
  capabilities: { orderedByKey: false, exactlyOnce: false, query: false },
  open: async () => (await import('./driver.js')).openNoop(),
})

export { noopTelemetry as manifest }
