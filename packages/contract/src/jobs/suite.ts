import { type Clock, defineJob, JobQueue } from '@pdvend/ports'
import { z } from 'zod'
import type { ContractSuite } from '../case.js'
import { FakeClock } from '../fake-clock.js'
import { content } from './content.js'
import { dead } from './dead.js'
import { dedupe } from './dedupe.js'
import { delivery } from './delivery.js'
import { flow } from './flow.js'
import { lifecycle } from './lifecycle.js'
import { mutants } from './mutants.js'
import { order } from './order.js'
import { retry } from './retry.js'
import { settle } from './settle.js'
import { time } from './time.js'
import { visibility } from './visibility.js'

const clocks = new WeakMap<JobQueue, Clock>()
const probe = defineJob('contract.probe', { input: z.unknown() })

/** The contract of the job queue. */
export const jobsSuite: ContractSuite<'jobs', JobQueue> = {
  port: 'jobs',
  cases: [...delivery, ...settle, ...retry, ...dead, ...order, ...dedupe, ...time, ...flow, ...lifecycle, ...content, ...visibility],
  mutants,
  face(driver, { adapter, capabilities, clock, random, extra }) {
    const queue = new JobQueue(driver, { adapter, capabilities, clock, random, ...extra })
    clocks.set(queue, clock)
    return queue
  },
  async close(queue) {
    let closed = false
    const closing = queue.close({ drainMs: 0 }).finally(() => (closed = true))
    const clock = clocks.get(queue)
    // A case that failed may leave handlers behind that wait for ever: the grace that they get goes by the case's clock.
    while (!closed && clock instanceof FakeClock) await clock.advance(500)
    await closing
  },
  refusals: {
    delay: (queue) => queue.enqueue(probe, 1, { delayMs: 1_000 }),
    fifo: (queue) => queue.enqueue(probe, 1, { key: 'a' }),
    dedupe: (queue) => queue.enqueue(probe, 1, { dedupeKey: 'a' }),
    priority: (queue) => queue.enqueue(probe, 1, { priority: 1 }),
    lookup: (queue) => queue.find('any'),
  },
}
