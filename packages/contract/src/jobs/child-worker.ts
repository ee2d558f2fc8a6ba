import { type AnyAdapter, defineJob, handle, JobQueue, type PortError, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import type { ChildScript } from '../child-process.js'
import { numbered } from './rig.js'

/** How a child works. */
export interface ChildWork {
  readonly names: readonly string[]
  readonly leaseMs?: number
  readonly concurrency?: number
  readonly keyed?: boolean
  /** Never ends a job. */
  readonly hang?: boolean
  /** Dies within its first job, as a job that kills its process does. */
  readonly die?: boolean
  /** How long a job takes, in milliseconds. */
  readonly takesMs?: number
}

/** A worker in a process of its own: tells `{ id, n, start }` and `{ id, n, end }` of each job, until it is told to stop. */
export const run: ChildScript = async ({ manifest, env, args, send }) => {
  const work = args as unknown as ChildWork
  const queue = await openJobs(manifest, env, work.leaseMs)
  const stop = new Promise((resolve) => process.once('message', resolve))
  const handlers = work.names.map((name) =>
    handle(defineJob(name, { input: numbered }), async ({ n }, { id, attempt }) => {
      send({ id, n, attempt, start: Date.now() })
      if (work.die === true)
        await new Promise((resolve) => process.send?.({ id, dying: true }, resolve)).then(() => process.kill(process.pid, 'SIGKILL'))
      if (work.hang === true || work.die === true) await new Promise(() => {})
      if (work.takesMs !== undefined) await new Promise((resolve) => setTimeout(resolve, work.takesMs))
      send({ id, n, attempt, end: Date.now() })
    }),
  )
  queue.work(handlers, { concurrency: work.concurrency ?? 10, drainMs: 2_000 })
  // A hanging handler holds nothing that keeps the process alive.
  const alive = setInterval(() => {}, 1_000)
  send({ ready: true })
  await stop
  await queue.close()
  clearInterval(alive)
}

/** The job queue of an adapter, as an app in its own process would open it. */
async function openJobs(manifest: AnyAdapter, env: Readonly<Record<string, string>>, leaseMs?: number): Promise<JobQueue> {
  const jobs = manifest as AnyAdapter<'jobs'>
  const read = await readSettings(jobs.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) }
  const driver = await jobs.open(read.settings as never, deps).catch((error: PortError) => {
    throw error
  })
  return new JobQueue(driver, {
    adapter: jobs.name,
    capabilities: driver.capabilities ?? jobs.capabilities,
    ...(leaseMs === undefined ? {} : { leaseMs }),
  })
}
