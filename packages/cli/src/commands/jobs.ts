import { type DeadQuery, type DeadReason, JobQueue } from '@pdvend/ports'
import { type Command, Option } from 'commander'
import { Failure, say, sayJson, sayTable } from '../io.js'
import { dateOption, integerOption } from '../options.js'
import type { Setup } from '../program.js'
import { withPort } from '../with-port.js'

interface DeadFlags extends Omit<DeadQuery, 'ids'> {
  readonly limit: number
  readonly perSecond?: number
  readonly all?: boolean
  readonly json?: boolean
}

const REASONS: readonly DeadReason[] = ['exhausted', 'discarded', 'poison', 'unparsable', 'invalid', 'expired']

export function addJobs(program: Command, setup: Setup): void {
  const jobs = program.command('jobs').description('the job queue: its depth and its dead letters')
  addStats(jobs, setup)
  const dead = jobs.command('dead').description('jobs that failed for good')
  addList(dead, setup)
  addEnd(dead, setup, 'redrive', 'sends dead jobs back to their queues')
  addEnd(dead, setup, 'discard', 'deletes dead jobs for good')
}

function withQueue<T>(setup: Setup, work: (queue: JobQueue) => Promise<T>): Promise<T> {
  return withPort(setup, 'jobs', (container) => work(container.get(JobQueue)))
}

function addStats(jobs: Command, setup: Setup): void {
  const { io, action } = setup
  jobs
    .command('stats [name]')
    .description('how many jobs are ready, delayed, in flight and dead; of all queues, or of one')
    .option('--json', 'as JSON')
    .action(
      action(async (name: string | undefined, { json }: { json?: boolean }) => {
        const stats = await withQueue(setup, (queue) => queue.stats(name))
        if (json) return sayJson(io, stats)
        const { ready, delayed, inFlight, dead, oldestAgeMs } = stats
        sayTable(io, [
          ['READY', 'DELAYED', 'IN FLIGHT', 'DEAD', 'OLDEST READY'],
          [...[ready, delayed, inFlight, dead].map(String), ready === 0 ? '-' : `${(oldestAgeMs / 1_000).toFixed(1)} s`],
        ])
      }),
    )
}

/** The conditions of a query; all that are given hold together. */
function withConditions(command: Command): Command {
  return command
    .option('--name <queue>', 'only jobs of this name')
    .option('--key <key>', 'only jobs of this key')
    .addOption(new Option('--reason <reason>', 'only jobs that died of this').choices(REASONS))
    .option('--error <text>', 'only jobs whose errors contain this')
    .option('--from <time>', 'only jobs that died at or after it (ISO 8601)', dateOption)
    .option('--to <time>', 'only jobs that died before it (ISO 8601)', dateOption)
    .option('--json', 'as JSON')
}

function queryOf(ids: readonly string[], { name, key, reason, error, from, to }: DeadFlags): DeadQuery {
  const given = Object.entries({ name, key, reason, error, from, to }).filter(([, value]) => value !== undefined)
  return { ...(ids.length === 0 ? {} : { ids }), ...Object.fromEntries(given) }
}

function addList(dead: Command, setup: Setup): void {
  const { io, action } = setup
  withConditions(dead.command('list').description('oldest death first'))
    .option('--limit <count>', 'at most so many', integerOption(1), 100)
    .action(
      action(async (flags: DeadFlags) => {
        const found = await withQueue(setup, async (queue) => {
          const list = []
          for await (const job of queue.dead.list(queryOf([], flags))) if (list.push(job) >= flags.limit) break
          return list
        })
        if (flags.json) return sayJson(io, found)
        if (found.length === 0) return say(io, 'no dead jobs')
        const rows = found.map(({ id, name, reason, attempts, diedAt, errors }) => [
          id,
          name,
          reason,
          String(attempts),
          diedAt.toISOString(),
          (errors[0] ?? '').slice(0, 100),
        ])
        sayTable(io, [['ID', 'NAME', 'REASON', 'ATTEMPTS', 'DIED AT', 'ERROR'], ...rows])
      }),
    )
}

function addEnd(dead: Command, setup: Setup, verb: 'redrive' | 'discard', description: string): void {
  const { io, action } = setup
  const command = withConditions(dead.command(`${verb} [ids...]`).description(description)).option(
    '--all',
    'all dead jobs, when nothing else is said',
  )
  if (verb === 'redrive') command.option('--per-second <count>', 'at most so many a second', integerOption(1))
  command.action(
    action(async (ids: readonly string[], flags: DeadFlags) => {
      const query = queryOf(ids, flags)
      if (Object.keys(query).length === 0 && !flags.all)
        throw new Failure(`say which jobs to ${verb}: ids, conditions (--help lists them), or --all`)
      const pace = flags.perSecond === undefined ? {} : { perSecond: flags.perSecond }
      const count = await withQueue(setup, (queue) => (verb === 'redrive' ? queue.dead.redrive(query, pace) : queue.dead.discard(query)))
      if (flags.json) return sayJson(io, { [verb]: count })
      say(io, `${count} ${count === 1 ? 'job' : 'jobs'} ${verb === 'redrive' ? 'sent back' : 'deleted'}`)
    }),
  )
}
