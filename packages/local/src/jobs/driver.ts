import { join } from 'node:path'
import {
  type AdapterDeps,
  type Clock,
  type DriverCall,
  type DriverJob,
  type DriverReceive,
  type JobDriver,
  type Lease,
  PortError,
  type Settlement,
} from '@pdvend/ports'
import { type Database, failSqlite, openDatabase } from '../sqlite/database.js'
import { Doorbell } from './doorbell.js'
import { gather } from './gather.js'
import { migrations } from './schema.js'
import { type Changed, JobStore } from './store.js'

/**
 * Semantics: one SQLite file; a resolved call is on disk (`synchronous=FULL`), and all calls of one event-loop tick share
 * one transaction. Leases, delays and expiries go by the injected clock. A lease whose time is over counts one crash.
 * Limits: those of the narrowest engine where that keeps jobs movable between profiles (1 MiB a job).
 * Waiting: nothing polls; a bell file wakes the other processes, a timer waits for the next due time or expiry.
 */
const LIMITS = { maxPayloadBytes: 1_048_576, maxBatch: 1_000, maxLeaseMs: 43_200_000, maxWaitMs: 3_600_000 }

/** @throws CONFIG_INVALID | PERMISSION_DENIED | INTEGRITY_FAILED | UNAVAILABLE */
export async function openLocalJobs({ directory }: { readonly directory: string }, { clock }: AdapterDeps): Promise<JobDriver> {
  const db = await openDatabase(join(directory, 'jobs.db'), migrations)
  return localJobsDriver(db, new Doorbell(join(directory, 'jobs.bell'), clock), clock)
}

/** The driver over an open database; for its own tests, which count what it asks. */
export function localJobsDriver(db: Database, doorbell: Doorbell, clock: Clock): JobDriver {
  const store = new JobStore(db)
  /** Whole milliseconds: the columns are integers. */
  const now = (): number => Math.floor(clock.now())
  const wake = <T extends Changed>(changed: T): T => {
    if (changed.wakes) doorbell.ring()
    return changed
  }
  const enqueue = gather(
    db,
    (jobs: readonly DriverJob[]) => store.enqueue(jobs, now()),
    () => false,
  )
  const settle = gather(
    db,
    ({ lease, settlement }: { readonly lease: Lease; readonly settlement: Settlement }) => store.settle(lease, settlement, now()),
    (error) => PortError.is(error, 'LEASE_LOST'),
  )
  let closing: Promise<void> | undefined

  return {
    limits: LIMITS,
    capabilities: { delay: true, fifo: true, dedupe: true, priority: true, lookup: true },

    async enqueue(jobs) {
      const outcomes = await enqueue(jobs)
      doorbell.ring()
      return outcomes
    },

    async receive({ names, max, waitMs, leaseMs, signal }: DriverReceive): Promise<readonly Lease[]> {
      const until = now() + waitMs
      const attendance = doorbell.attend()
      try {
        for (let look = true; ;) {
          if (look) {
            const leases = await db.write(() => (signal.aborted ? [] : store.claim(names, max, leaseMs, now())))
            if (leases.length > 0) return leases
          }
          if (signal.aborted || doorbell.closed || now() >= until) return []
          await attendance.wait(Math.min(until, read('receive', () => store.nextEventAt(names)) ?? until), signal)
          if (signal.aborted || doorbell.closed) return []
          look = read('receive', () => store.hasWork(names, now()))
        }
      } finally {
        attendance.leave()
      }
    },

    async settle(lease: Lease, settlement: Settlement) {
      wake(await settle({ lease, settlement }))
    },

    extend: (lease, leaseMs) => db.write(() => store.extend(lease, leaseMs, now())),
    progress: (lease, value) => db.write(() => store.progress(lease, value, now())),
    stats: async (names) => read('stats', () => store.stats(names, now())),
    find: async (id) => read('find', () => store.find(id, now())),
    listDead: async ({ cursor, limit, ...query }) => read('listDead', () => store.listDead(query, cursor, limit)),

    async redriveDead(ids) {
      const count = await db.write(() => store.redrive(ids, now()))
      doorbell.ring()
      return count
    },
    discardDead: (ids) => db.write(() => store.discard(ids)),

    async ping(_call: DriverCall) {
      read('ping', () => db.prepare('SELECT count(*) FROM job WHERE seq = 0').get())
    },

    close() {
      closing ??= (async () => {
        doorbell.close()
        await db.close()
      })()
      return closing
    },
  }
}

function read<T>(operation: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw failSqlite(operation, cause)
  }
}
