import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { FakeClock } from '@pdvend/contract'
import { defineJob, handle, JobQueue, systemClock } from '@pdvend/ports'
import { z } from 'zod'
import { Doorbell } from '../../src/jobs/doorbell.js'
import { localJobsDriver } from '../../src/jobs/driver.js'
import { migrations } from '../../src/jobs/schema.js'
import { type Database, openDatabase } from '../../src/sqlite/database.js'

/** A database that counts the statements it runs. */
async function countingDatabase(file: string): Promise<{ db: Database; count: () => number }> {
  const real = await openDatabase(file, migrations)
  let statements = 0
  const db: Database = {
    file,
    prepare(sql) {
      const statement = real.prepare(sql)
      return {
        run: (...values) => (statements++, statement.run(...values)),
        get: (...values) => (statements++, statement.get(...values)),
        all: (...values) => (statements++, statement.all(...values)),
      }
    },
    write: (work) => real.write(work),
    idle: () => real.idle(),
    close: () => real.close(),
  }
  return { db, count: () => statements }
}

test('a worker that waits runs no query for an hour, but for the end of its waits', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-idle-'))
  const { db, count } = await countingDatabase(join(directory, 'jobs.db'))
  const clock = new FakeClock()
  const driver = localJobsDriver(db, new Doorbell(join(directory, 'jobs.bell'), clock), clock)
  const job = defineJob('idle.one', { input: z.number() })
  await using queue = new JobQueue(driver, { clock })
  const seen: number[] = []
  queue.work([handle(job, (n) => void seen.push(n))])
  await clock.advance(1_000)
  const before = count()
  await clock.advance(3_500_000)
  expect(count() - before).toBeLessThanOrEqual(10)
  await queue.enqueue(job, 1)
  await clock.until(() => seen.length === 1, 10, 1)
  await queue.close()
  rmSync(directory, { recursive: true, force: true })
})

test('in real time an idle second costs next to no query, and a job is picked up at once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-idle-'))
  const { db, count } = await countingDatabase(join(directory, 'jobs.db'))
  const driver = localJobsDriver(db, new Doorbell(join(directory, 'jobs.bell'), systemClock), systemClock)
  const job = defineJob('idle.two', { input: z.number() })
  await using queue = new JobQueue(driver)
  let picked: (() => void) | undefined
  queue.work([handle(job, () => picked?.())])
  await new Promise((resolve) => setTimeout(resolve, 300))
  const before = count()
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(count() - before).toBeLessThanOrEqual(6)
  const run = new Promise<void>((resolve) => (picked = resolve))
  const at = performance.now()
  await queue.enqueue(job, 1)
  await run
  expect(performance.now() - at).toBeLessThan(5_000)
  await queue.close()
  rmSync(directory, { recursive: true, force: true })
})
