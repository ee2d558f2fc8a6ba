import type { Calls } from '../calls.js'
import { PortError } from '../errors.js'
import type { JobDriver, Lease, Settlement } from './driver.js'

interface Pending {
  readonly lease: Lease
  readonly settlement: Settlement
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Settles all that one tick asks for as one call of the port: one deadline, one span, one owner of retries, however many
 * short jobs end together. Each lease has its own outcome, told as soon as it is known; only what may pass is tried again.
 */
export class Settler {
  #waiting: Pending[] = []

  constructor(
    private readonly driver: JobDriver,
    private readonly calls: Calls,
  ) {}

  /** @throws LEASE_LOST and what the engine throws */
  settle(lease: Lease, settlement: Settlement): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lease, settlement, resolve, reject })
      if (this.#waiting.length === 1) process.nextTick(() => void this.#flush())
    })
  }

  async #flush(): Promise<void> {
    const open = new Set(this.#waiting.splice(0))
    const [first] = open
    const spec = {
      operation: 'settle',
      ...(open.size === 1 ? { target: first!.lease.job.id } : { attributes: { 'messaging.batch.message_count': open.size } }),
    }
    try {
      await this.calls.run(spec, async (call) => {
        let failure: PortError | undefined
        const attempt = async (one: Pending): Promise<void> => {
          try {
            await this.driver.settle(one.lease, one.settlement, call)
            open.delete(one)
            one.resolve()
          } catch (error) {
            if (PortError.is(error) && error.retryable) failure = error
            else {
              open.delete(one)
              one.reject(error)
            }
          }
        }
        await Promise.all(Array.from(open, attempt))
        if (failure !== undefined) throw failure
      })
    } catch (error) {
      for (const one of open) one.reject(error)
    }
  }
}
