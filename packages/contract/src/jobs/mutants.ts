import type { DriverJob, JobDriver, Lease } from '@pdvend/ports'
import type { Mutant } from '../case.js'

/** A driver with some methods replaced. */
function changed(driver: JobDriver, methods: Partial<JobDriver>): JobDriver {
  return new Proxy(driver, {
    get(target, field) {
      const own = (methods as Record<PropertyKey, unknown>)[field]
      const value: unknown = own ?? Reflect.get(target, field)
      return typeof value === 'function' && own === undefined ? (value.bind(target) as unknown) : value
    },
  })
}

/** A driver that stores each job as `change` makes it. */
function storing(driver: JobDriver, change: (job: DriverJob) => DriverJob): JobDriver {
  return changed(driver, { enqueue: (jobs, call) => driver.enqueue(jobs.map(change), call) })
}

const patient = { signal: new AbortController().signal }

/** Drivers broken on purpose, taken from what queues of this kind have shipped. */
export const mutants: readonly Mutant<'jobs'>[] = [
  {
    name: 'ignored priority',
    fault: 'every job is stored with priority 0',
    clauses: ['Q46'],
    mutate: (driver) => storing(driver, (job) => ({ ...job, priority: 0 })),
  },
  {
    name: 'ignored delay',
    fault: 'every job is due at once',
    clauses: ['Q57', 'Q57.1'],
    mutate: (driver) => storing(driver, (job) => ({ ...job, dueAt: job.enqueuedAt })),
  },
  {
    name: 'ignored key order',
    fault: 'keys are dropped, so that jobs of one key run side by side',
    clauses: ['Q42', 'Q40'],
    mutate: (driver) => storing(driver, ({ key: _, ...job }) => job),
  },
  {
    name: 'ignored dedupe key',
    fault: 'every enqueue stores a job',
    clauses: ['Q48'],
    mutate: (driver) => storing(driver, ({ dedupe: _, ...job }) => job),
  },
  {
    name: 'parse error skips the job in silence',
    fault: 'a job that is not JSON is settled as done by the driver, nobody told',
    clauses: ['Q30'],
    mutate: (driver) =>
      changed(driver, {
        receive: async (options) => {
          const leases = await driver.receive(options)
          const good: Lease[] = []
          for (const lease of leases) {
            try {
              JSON.parse(Buffer.from(lease.job.payload).toString('utf8'))
              good.push(lease)
            } catch {
              await driver.settle(lease, { kind: 'done' }, patient)
            }
          }
          return good
        },
      }),
  },
  {
    name: 'delayed job marked done before it is enqueued again',
    fault: 'a retry or release with a delay settles the job as done, and enqueues a copy that starts from attempt 1',
    clauses: ['Q23', 'Q58.1'],
    mutate: (driver) =>
      changed(driver, {
        settle: async (lease, settlement, call) => {
          if (settlement.kind !== 'retry') return driver.settle(lease, settlement, call)
          await driver.settle(lease, { kind: 'done' }, call)
          // A crash here loses the job; and what comes back has forgotten how often it failed.
          await driver.enqueue([{ ...lease.job, dueAt: Date.now() - 1 }], call)
        },
      }),
  },
  {
    name: 'settled before handled',
    fault: 'a job is done as soon as it is received',
    clauses: ['Q14.1', 'Q15'],
    mutate: (driver) =>
      changed(driver, {
        receive: async (options) => {
          const leases = await driver.receive(options)
          await Promise.all(leases.map((lease) => driver.settle(lease, { kind: 'done' }, patient)))
          return leases
        },
        settle: async () => {},
      }),
  },
  {
    name: "a later job's settle covers an earlier one",
    fault: 'settling a job settles all that were received before it, as a commit of an offset does',
    clauses: ['Q17.1'],
    mutate: (driver) => {
      const held: Lease[] = []
      return changed(driver, {
        receive: async (options) => {
          const leases = await driver.receive(options)
          held.push(...leases)
          return leases
        },
        settle: async (lease, settlement, call) => {
          const at = held.findIndex(({ token }) => token === lease.token)
          if (at < 0) return
          const covered = held.splice(0, at + 1)
          for (const earlier of covered) await driver.settle(earlier, earlier === lease ? settlement : { kind: 'done' }, call)
        },
      })
    },
  },
  {
    name: 'spins on an empty queue',
    fault: 'receive answers at once when there is nothing, so that the worker asks again and again',
    clauses: ['Q67.1'],
    mutate: (driver) =>
      changed(driver, {
        receive: async (options) => {
          await new Promise((resolve) => setImmediate(resolve))
          return driver.receive({ ...options, waitMs: 0 })
        },
      }),
  },
  {
    name: 'lost fencing',
    fault: 'a late settle is taken for success, without effect',
    clauses: ['Q17', 'Q16'],
    mutate: (driver) => changed(driver, { settle: (lease, settlement, call) => driver.settle(lease, settlement, call).catch(() => {}) }),
  },
  {
    name: 'lease never renewed',
    fault: 'extend tells a new expiry and stores nothing',
    clauses: ['Q20'],
    mutate: (driver) => changed(driver, { extend: async (lease, leaseMs) => lease.expiresAt + 100 * leaseMs }),
  },
  {
    name: 'dropped partial failure',
    fault: 'the second job of a batch is not stored, and told as stored',
    clauses: ['Q8', 'Q4'],
    mutate: (driver) =>
      changed(driver, {
        enqueue: async (jobs, call) => {
          await driver.enqueue(
            jobs.filter((_, at) => at !== 1),
            call,
          )
          return jobs.map(({ id }) => ({ id, duplicate: false }))
        },
      }),
  },
  {
    name: 'context made once for the life of the process',
    fault: 'all jobs carry the context of the first one',
    clauses: ['Q28.1'],
    mutate: (driver) => {
      let first: Record<string, unknown> | undefined
      return storing(driver, (job) => {
        const envelope = JSON.parse(Buffer.from(job.payload).toString('utf8')) as Record<string, unknown>
        first ??= Object.fromEntries(Object.entries(envelope).filter(([name]) => name.startsWith('pdv')))
        return { ...job, payload: Buffer.from(JSON.stringify({ ...envelope, ...first })) }
      })
    },
  },
  {
    name: 'retry counts no attempt',
    fault: 'a failed job is released, so that it fails for ever',
    clauses: ['Q23'],
    mutate: (driver) =>
      changed(driver, {
        settle: (lease, settlement, call) =>
          driver.settle(lease, settlement.kind === 'retry' ? { kind: 'release', delayMs: settlement.delayMs } : settlement, call),
      }),
  },
  {
    name: 'drain costs an attempt',
    fault: 'a released job is stored as a retry',
    clauses: ['Q73', 'Q18'],
    mutate: (driver) =>
      changed(driver, {
        settle: (lease, settlement, call) =>
          driver.settle(
            lease,
            settlement.kind === 'release' ? { kind: 'retry', delayMs: settlement.delayMs, errors: [] } : settlement,
            call,
          ),
      }),
  },
  {
    name: 'dead letters without their cause',
    fault: 'the errors of a dead job are not stored',
    clauses: ['Q32'],
    mutate: (driver) =>
      changed(driver, {
        settle: (lease, settlement, call) =>
          driver.settle(lease, settlement.kind === 'dead' ? { ...settlement, errors: [] } : settlement, call),
      }),
  },
]
