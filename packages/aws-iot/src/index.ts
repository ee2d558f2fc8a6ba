import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'
import { permissionsOf } from './permissions.js'

/**
 * Push through AWS IoT Core: devices and the app by MQTT, the app also by the data plane. What the region and the settings
 * cannot give is taken back at `open`: `journal` without PDVEND_PUSH_JOURNAL, `credentials` without PDVEND_PUSH_JWT_SECRET.
 */
export const awsIot = defineAdapter({
  port: 'push',
  name: 'aws-iot',
  config,
  capabilities: { journal: true, presence: true, request: true, receipts: true, credentials: true },
  open: async (settings, deps) => (await import('./driver.js')).openAwsIot(settings, deps),
  provision: async (settings, _resources, deps) => (await import('./provision.js')).planAuthorizer(settings, deps),
  permissions: permissionsOf,
})

export { awsIot as manifest }
