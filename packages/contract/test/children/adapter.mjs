// Telemetry in memory: the smallest adapter that a process of its own can load.
import { defineAdapter } from '@pdvend/ports'

export const manifest = defineAdapter({
  port: 'telemetry',
  name: 'in-memory',
  config: {},
  capabilities: { orderedByKey: false, exactlyOnce: false, query: false },
  open: async () => ({
    limits: { maxBatchEvents: 1_000, maxBatchBytes: 1_048_576, maxEventBytes: 262_144 },
    ping: async () => {},
    send: async (batch) => batch.map(() => ({ status: 'accepted' })),
    close: async () => {},
  }),
})
