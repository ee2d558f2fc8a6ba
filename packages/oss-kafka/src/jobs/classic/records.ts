import type { DeadReason, DriverJob } from '@pdvend/ports'
import type { IncomingRecord, KafkaHeaders } from '../../client.js'

/**
 * What stands in a queue's topic. A *job* record holds a job: its id as key, its payload as value, the rest in the header `job`.
 * An *operations* record holds what workers did, in the header `ops` who wrote it, as value a JSON list. A *moved* record is a
 * live job once more, copied to the end so that what is before it can be deleted: its whole state in the header `moved`.
 */
export type LogRecord =
  | { readonly kind: 'job'; readonly job: StoredJob; readonly payload: Uint8Array }
  | { readonly kind: 'operations'; readonly writer: string; readonly batch: number; readonly operations: readonly Operation[] }
  | { readonly kind: 'moved'; readonly moved: MovedJob; readonly payload: Uint8Array }

/** A job without its payload and queue. */
export type StoredJob = Omit<DriverJob, 'payload' | 'name'> & {
  /** Default 1; more where another engine hands over a job that has failed there. */
  readonly attempt?: number
  /** Default 0, likewise. */
  readonly crashes?: number
  /** Present: it is stored as a dead letter. */
  readonly dead?: Death
}

export interface Death {
  readonly reason: DeadReason
  readonly errors: readonly string[]
  readonly diedAt: number
}

/** A live job's state at some point of the log. */
export interface MovedJob {
  readonly job: StoredJob
  readonly seq: number
  readonly order: number
  readonly attempt: number
  readonly crashes: number
  readonly lease?: { readonly token: string; readonly expiresAt: number }
  /** The state is that before this offset; it counts only where nothing touched the job between here and this record. */
  readonly seen: number
}

/** `seq`: the offset of the job's first record, its name in the log for ever. `at`: the writer's clock. */
export type Operation =
  | { readonly op: 'claim'; readonly seqs: readonly number[]; readonly token: string; readonly at: number; readonly until: number }
  | { readonly op: 'extend'; readonly seq: number; readonly token: string; readonly at: number; readonly until: number }
  | { readonly op: 'done'; readonly seq: number; readonly token: string; readonly at: number }
  | { readonly op: 'retry'; readonly seq: number; readonly token: string; readonly at: number; readonly dueAt: number }
  | { readonly op: 'release'; readonly seq: number; readonly token: string; readonly at: number; readonly dueAt?: number }
  | ({ readonly op: 'dead'; readonly seq: number; readonly token: string; readonly at: number } & Omit<Death, 'diedAt'>)
  | { readonly op: 'redrive'; readonly seqs: readonly number[]; readonly at: number }
  | { readonly op: 'discard'; readonly seqs: readonly number[] }

/** A record before it has a place. */
export interface NewRecord {
  readonly key?: string
  readonly value: Uint8Array
  readonly headers: KafkaHeaders
}

export function jobRecord({ payload, name: _, ...job }: DriverJob & Pick<StoredJob, 'attempt' | 'crashes' | 'dead'>): NewRecord {
  return { key: job.id, value: payload, headers: { job: JSON.stringify(job) } }
}

export function operationsRecord(writer: string, batch: number, operations: readonly Operation[]): NewRecord {
  return { value: Buffer.from(JSON.stringify(operations)), headers: { ops: `${writer} ${batch}` } }
}

export function movedRecord(moved: MovedJob, payload: Uint8Array): NewRecord {
  return { key: moved.job.id, value: payload, headers: { moved: JSON.stringify(moved) } }
}

/** Bytes that a record takes in a batch, from above. */
export function sizeOf({ key, value, headers }: NewRecord): number {
  const texts = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + Buffer.byteLength(text) + 10, 0)
  return value.byteLength + (key === undefined ? 0 : Buffer.byteLength(key)) + texts + 40
}

/**
 * Reads a record. One that another program wrote, without these headers, is a job that is due at once: a CloudEvents envelope
 * runs, and anything else becomes a dead letter with its text. `undefined`: a tombstone, or headers that nobody here wrote.
 */
export function readRecord(record: IncomingRecord): LogRecord | undefined {
  const { value, headers } = record
  const payload = value ?? new Uint8Array()
  try {
    if (headers['ops'] !== undefined) {
      const [writer, batch] = text(headers['ops']).split(' ') as [string, string]
      return { kind: 'operations', writer, batch: Number(batch), operations: JSON.parse(text(payload)) as Operation[] }
    }
    if (headers['moved'] !== undefined) return { kind: 'moved', moved: JSON.parse(text(headers['moved'])) as MovedJob, payload }
    if (headers['job'] !== undefined) return { kind: 'job', job: JSON.parse(text(headers['job'])) as StoredJob, payload }
  } catch {
    // A reader that stopped here would stop all workers for ever; a job among these is kept as one from elsewhere.
    if (headers['job'] === undefined) return undefined
  }
  return value === null ? undefined : { kind: 'job', job: foreignJob(record), payload }
}

function foreignJob({ topic, partition, offset, timestamp, key }: IncomingRecord): StoredJob {
  const job = { id: `${topic}-${partition}-${offset}`, dueAt: timestamp, enqueuedAt: timestamp, priority: 0 }
  return key === null || key.length === 0 ? job : { ...job, key: text(key) }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
