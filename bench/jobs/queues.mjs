// The queues under test behind one face: add(n), addMany(list), work(handler, concurrency), drained().
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, startRedis } from './servers.mjs'

const NAME = 'bench.job'
const none = () => 0

/** Ours: SQLite, synchronous=FULL. */
async function ours() {
  const { defineJob, handle, JobQueue, silentLogger, systemClock } = await import('@pdvend/ports')
  const { localJobs } = await import('@pdvend/local/jobs')
  const { z } = await import('zod')
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-'))
  const driver = await localJobs.open({ directory }, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(10_000) })
  const queue = new JobQueue(driver, { adapter: 'local-jobs' })
  const job = defineJob(NAME, { input: z.object({ n: z.number(), text: z.string() }) })
  return {
    serverCpuMs: none,
    add: (input) => queue.enqueue(job, input),
    addMany: (inputs) => queue.enqueueMany(inputs.map((input) => ({ job, input }))),
    async work(handler, concurrency) {
      const worker = queue.work([handle(job, handler)], { concurrency })
      return () => worker.close()
    },
    async drained() {
      const { ready, inFlight } = await queue.stats()
      return ready + inFlight === 0
    },
    async close() {
      await queue.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** plainjob on the same SQLite build as ours. It sets synchronous=NORMAL, which may lose the last commits; `full` overrides that. */
async function plainjob(full) {
  const { better, defineQueue, defineWorker } = await import('plainjob')
  const { default: Database } = await import('libsql')
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-bench-'))
  const logger = { error: console.error, warn() {}, info() {}, debug() {} }
  const connection = better(new Database(join(directory, 'jobs.db')))
  const queue = defineQueue({ connection, logger })
  if (full) connection.pragma('synchronous = FULL')
  return {
    serverCpuMs: none,
    add: async (input) => queue.add(NAME, input),
    addMany: async (inputs) => queue.addMany(NAME, inputs),
    async work(handler) {
      // It runs one job at a time, and polls; 10 ms is the shortest sensible interval.
      const worker = defineWorker(NAME, async (job) => handler(JSON.parse(job.data)), { queue, logger, pollIntervall: 10 })
      void worker.start()
      return () => worker.stop()
    },
    drained: async () => queue.countJobs({ status: 0 }) + queue.countJobs({ status: 1 }) === 0,
    async close() {
      queue.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function pgBoss() {
  const server = await startPostgres()
  if (server === undefined) return undefined
  const { default: PgBoss } = await import('pg-boss')
  const boss = new PgBoss(server.url)
  boss.on('error', (error) => console.error('pg-boss', String(error)))
  await boss.start()
  await boss.createQueue(NAME)
  return {
    serverCpuMs: server.cpuMs,
    add: (input) => boss.send(NAME, input),
    addMany: (inputs) => boss.insert(inputs.map((data) => ({ name: NAME, data }))),
    /** Its `work` waits for its interval between batches, so a drain goes by its fetch and complete, batch after batch. */
    async drain(handler, batchSize) {
      for (;;) {
        const jobs = await boss.fetch(NAME, { batchSize })
        if (jobs.length === 0) return
        await Promise.all(jobs.map(({ data }) => handler(data)))
        await boss.complete(
          NAME,
          jobs.map(({ id }) => id),
        )
      }
    },
    async work(handler) {
      const id = await boss.work(NAME, { pollingIntervalSeconds: 0.5 }, ([job]) => handler(job.data))
      return () => boss.offWork({ id })
    },
    async close() {
      await boss.stop({ graceful: false, wait: true })
      server.stop()
    },
  }
}

async function bullmq(fsync) {
  const server = await startRedis(fsync)
  if (server === undefined) return undefined
  const { Queue, Worker } = await import('bullmq')
  const { connection } = server
  const queue = new Queue(NAME, { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } })
  await queue.waitUntilReady()
  return {
    serverCpuMs: server.cpuMs,
    add: (input) => queue.add(NAME, input),
    addMany: (inputs) => queue.addBulk(inputs.map((data) => ({ name: NAME, data }))),
    async work(handler, concurrency) {
      const worker = new Worker(NAME, (job) => handler(job.data), { connection, concurrency })
      await worker.waitUntilReady()
      return () => worker.close()
    },
    async drained() {
      const { waiting, active } = await queue.getJobCounts('waiting', 'active')
      return waiting + active === 0
    },
    async close() {
      await queue.close()
      await server.stop()
    },
  }
}

export const queues = {
  'local-jobs (FULL)': ours,
  'plainjob (NORMAL, as shipped)': () => plainjob(false),
  'plainjob (FULL)': () => plainjob(true),
  'pg-boss, PostgreSQL': pgBoss,
  'BullMQ, Redis (everysec)': () => bullmq('everysec'),
  'BullMQ, Redis (always)': () => bullmq('always'),
}
