import { type AdapterDeps, PortError, type PushDriver } from '@pdvend/ports'
import type { Settings } from './config.js'

export function openAwsIot(_settings: Settings, _deps: AdapterDeps): Promise<PushDriver> {
  return Promise.reject(new PortError('UNSUPPORTED', { adapter: 'aws-iot', operation: 'open', detail: 'not yet there' }))
}
