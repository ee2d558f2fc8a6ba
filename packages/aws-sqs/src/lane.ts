import type { QueueRole } from './queues.js'
import type { Queue } from './sqs/queues.js'

/** One queue of a job name, as the receiver polls it. */
export interface Lane {
  readonly name: string
  readonly role: Extract<QueueRole, 'jobs' | 'keyed' | 'later'>
  /** undefined: it is not there, or not looked for yet. */
  queue: Queue | undefined
  /** When a queue that is not there is looked for again, in milliseconds since the epoch. */
  lookAt: number
  /** Polls under way. */
  polls: number
  /** The most messages that they may bring. */
  asked: number
  /** Messages that came a moment too early, and wait here. */
  early: number
  /** The last poll brought all that it asked for: there is more. */
  busy: boolean
}

export function newLane(name: string, role: Lane['role']): Lane {
  return { name, role, queue: undefined, lookAt: 0, polls: 0, asked: 0, early: 0, busy: false }
}
