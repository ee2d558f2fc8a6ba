import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/**
 * Telemetry in a Kafka topic, one record an event. Kafka stores an event again when a try whose answer got lost is repeated:
 * whoever reads tells it by the header `ce_id`, as the warehouse's loader does.
 */
export const ossKafkaTelemetry = defineAdapter({
  port: 'telemetry',
  name: 'oss-kafka-telemetry',
  config,
  capabilities: { orderedByKey: true, exactlyOnce: false, query: false },
  open: async (settings, deps) => (await import('./driver.js')).openTelemetry(settings, deps),
  provision: async (settings, _resources, deps) => (await import('./topic.js')).planTelemetry(settings, deps),
})

export { ossKafkaTelemetry as manifest }
