import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'
import { permissionsOf } from './permissions.js'

/**
 * Telemetry through Amazon Data Firehose: many events a record as lines of JSON, the outcome of each record told for each of
 * its events. Firehose promises no order and delivers at least once; the loader drops what came twice by the event's id.
 */
export const awsFirehose = defineAdapter({
  port: 'telemetry',
  name: 'aws-firehose',
  config,
  capabilities: { orderedByKey: false, exactlyOnce: false, query: false },
  open: async (settings, deps) => (await import('./driver.js')).openFirehose(settings, deps),
  provision: async (settings, _resources, deps) => (await import('./provision/client.js')).planStream(settings, deps),
  permissions: permissionsOf,
})

export { awsFirehose as manifest }
