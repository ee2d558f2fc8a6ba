import type { DriverCall, DriverJob } from '@pdvend/ports'
import { jobKey } from './keys.js'
import type { BucketStore, PayloadStore } from './types.js'

/**
 * The claim check: a payload that is too large for a message, stored under the job's id before the message is sent. A send that
 * fails for good leaves it behind, for nobody can say whether the message will not turn up after all.
 */
export class Payloads implements PayloadStore {
  constructor(private readonly store: BucketStore) {}

  async put(job: Pick<DriverJob, 'id' | 'name'>, payload: Uint8Array, call: DriverCall): Promise<void> {
    await this.store.put(jobKey('payloads', job), payload, call)
  }

  async get(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<Uint8Array | undefined> {
    return (await this.store.get(jobKey('payloads', job), call))?.bytes
  }

  delete(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<void> {
    return this.store.delete(jobKey('payloads', job), call)
  }
}
