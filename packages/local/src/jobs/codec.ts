import { type DriverDeadJob, type DriverJob, type JobState, type Lease, PortError } from '@pdvend/ports'
import type { Row } from '../sqlite/database.js'
import { BLOCKED, DELAYED, LEASED } from './schema.js'

/** The fencing token of a lease: which row, and the how many-th time it was handed out. */
function toToken(row: Row): string {
  return `${row.seq as number}.${row.fence as number}`
}

/** @throws LEASE_LOST for a text that is no token of this adapter */
export function fromToken({ token, job }: Lease): readonly [seq: number, fence: number] {
  const parts = /^(\d{1,15})\.(\d{1,15})$/.exec(token)
  if (parts === null)
    throw new PortError('LEASE_LOST', { adapter: 'local-jobs', target: job.id, detail: 'its token is not of this adapter' })
  return [Number(parts[1]), Number(parts[2])]
}

export function toLease(row: Row, expiresAt: number): Lease {
  return { job: toJob(row), token: toToken(row), attempt: row.attempt as number, crashes: row.crashes as number, expiresAt }
}

export function toDead(row: Row): DriverDeadJob {
  return {
    job: toJob(row),
    reason: row.reason as DriverDeadJob['reason'],
    errors: JSON.parse(row.errors as string) as string[],
    attempts: row.attempts as number,
    diedAt: row.died_at as number,
  }
}

function toJob(row: Row): DriverJob {
  return {
    id: row.id as string,
    name: row.name as string,
    payload: row.payload as Uint8Array,
    dueAt: row.due_at as number,
    enqueuedAt: row.enqueued_at as number,
    ...(row.key === null ? {} : { key: row.key as string }),
    priority: row.priority as number,
  }
}

/** Where a row of `job` stands at `now`. */
export function toState(row: Row, now: number): JobState {
  const waits = (row.state === DELAYED || row.state === BLOCKED) && (row.due_at as number) > now
  const runs = row.state === LEASED && (row.expires_at as number) > now
  return described(row, waits ? 'delayed' : runs ? 'running' : 'ready', row.attempt as number)
}

export function described(row: Row, state: JobState['state'], attempt: number): JobState {
  return {
    id: row.id as string,
    name: row.name as string,
    state,
    attempt,
    enqueuedAt: new Date(row.enqueued_at as number),
    ...(typeof row.progress === 'string' ? { progress: JSON.parse(row.progress) as unknown } : {}),
  }
}
