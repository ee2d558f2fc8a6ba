import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/**
 * Push over an embedded MQTT broker (TCP and WebSocket, loopback by default) with the SQLite journal. Of the processes
 * that share a data directory one is the broker's host; when it ends another takes its place and ports.
 */
export const localPush = defineAdapter({
  port: 'push',
  name: 'local-push',
  config,
  capabilities: { journal: true, presence: true, request: true, receipts: true, credentials: true },
  open: async (settings, deps) => (await import('./driver.js')).openLocalPush(settings, deps),
})

export { localPush as manifest }
