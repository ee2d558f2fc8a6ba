import { createHash } from 'node:crypto'

/**
 * The queues of a job name. `jobs`: those without a key. `keyed`: those with one, FIFO. `later`: those without a key that wait
 * longer than SQS can delay a message. The dead-letter queues catch what no worker could settle.
 */
export type QueueRole = 'jobs' | 'keyed' | 'later' | 'dead' | 'keyedDead'

const SUFFIX: Readonly<Record<QueueRole, string>> = {
  jobs: '',
  keyed: '.fifo',
  later: '--later',
  dead: '--dead',
  keyedDead: '--dead.fifo',
}

const MAX_NAME = 80
const LONGEST_SUFFIX = SUFFIX.keyedDead.length
const HASH_DIGITS = 12

/**
 * A queue's name: `.` of the job's name becomes `_`, and `_` becomes `__`, for SQS takes `A-Z a-z 0-9 _ -` alone; no job name has
 * two of `. _ -` in a row. What is too long with its prefix ends in a part of its SHA-256, in capitals, which no job name has.
 */
export function queueName(prefix: string, job: string, role: QueueRole): string {
  const mapped = job.replace(/[._]/g, (separator) => (separator === '.' ? '_' : '__'))
  const room = MAX_NAME - LONGEST_SUFFIX - prefix.length
  const digest = (): string => createHash('sha256').update(job).digest('hex').slice(0, HASH_DIGITS).toUpperCase()
  return `${prefix}${mapped.length <= room ? mapped : `${mapped.slice(0, room - HASH_DIGITS - 1)}_${digest()}`}${SUFFIX[role]}`
}

/** What a queue of this prefix is for; undefined where it is of another prefix. */
export function roleOf(prefix: string, queue: string): QueueRole | undefined {
  if (!queue.startsWith(prefix)) return undefined
  const roles: readonly QueueRole[] = ['keyedDead', 'keyed', 'dead', 'later', 'jobs']
  return roles.find((role) => queue.endsWith(SUFFIX[role]))
}

/** The job's name by that of one of its queues, as far as it was not shortened: for messages that say nothing of themselves. */
export function jobName(prefix: string, queue: string): string {
  const suffix = SUFFIX[roleOf(prefix, queue) ?? 'jobs']
  return queue.slice(prefix.length, queue.length - suffix.length).replace(/__?/g, (separator) => (separator === '_' ? '.' : '_'))
}
