import { type AdapterDeps, type JobDriver, PortError } from '@pdvend/ports'
import type { Settings } from './config.js'

export async function openSqs(settings: Settings, _deps: AdapterDeps): Promise<JobDriver> {
  throw new PortError('UNSUPPORTED', { adapter: 'aws-sqs', operation: 'open', target: settings.bucket })
}
