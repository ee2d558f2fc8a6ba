import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How long the database is held by the process that will be killed, in milliseconds. */
const OUTAGE_MS = 300

/**
 * What comes nearest to a server that dies: a process takes the jobs' database, begins to delete every job and is killed
 * before it commits. Meanwhile nobody else can write; afterwards what it wrote is gone.
 */
export async function jobsOutage(directory: string): Promise<void> {
  const child = fork(fileURLToPath(new URL('./hold-jobs.js', import.meta.url)), [join(directory, 'jobs.db')], { execArgv: [] })
  const exited = once(child, 'exit')
  await Promise.race([once(child, 'message'), exited])
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS))
  child.kill('SIGKILL')
  const [, signal] = (await exited) as [number | null, string | null]
  if (signal !== 'SIGKILL') throw new Error('the process that was to hold the database ended by itself')
}
