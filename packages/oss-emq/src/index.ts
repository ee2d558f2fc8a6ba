import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/**
 * Push over EMQX, Mosquitto or any MQTT broker, 5 or 3.1.1. What the broker and the settings cannot give is taken back at
 * `open`: `journal` without PDVEND_PUSH_JOURNAL, `credentials` where devices are let in by the operator's own files.
 */
export const ossEmq = defineAdapter({
  port: 'push',
  name: 'oss-emq',
  config,
  capabilities: { journal: true, presence: true, request: true, receipts: true, credentials: true },
  open: async (settings, deps) => (await import('./driver.js')).openOssEmq(settings, deps),
})

export { ossEmq as manifest }
