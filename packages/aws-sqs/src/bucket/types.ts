import type { DeadQuery, DriverCall, DriverDeadJob, DriverDeadPage, DriverEnqueueOutcome, DriverJob } from '@pdvend/ports'

/** An object as it was read. */
export interface Found {
  readonly bytes: Uint8Array
  readonly etag: string
}

/** The few things that the adapter does with its bucket; keys are without the prefix. Throws what `fail` makes of the answer. */
export interface BucketStore {
  get(key: string, call: DriverCall): Promise<Found | undefined>
  /** Gives the etag. */
  put(key: string, bytes: Uint8Array, call: DriverCall): Promise<string>
  /** If-None-Match: *. undefined: something is there. */
  putIfAbsent(key: string, bytes: Uint8Array, call: DriverCall): Promise<string | undefined>
  /** undefined: it is no longer the one that `etag` names. */
  putIfMatch(key: string, bytes: Uint8Array, etag: string, call: DriverCall): Promise<string | undefined>
  /** What is not there counts as deleted. */
  delete(key: string, call: DriverCall): Promise<void>
  /** In the order of their keys, at most 1,000 a page; `after` is the last key of the page before. */
  list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number },
    call: DriverCall,
  ): Promise<{ readonly keys: readonly string[]; readonly more: boolean }>
  /** A cheap sign of life that also proves the right to use the bucket. */
  ping(call: DriverCall): Promise<void>
  close(): void
}

/** Dead letters, by queue (the job's name), in the order of their deaths. */
export interface DeadLetterBox {
  /** Stored for good when it resolves; the same death filed again (same id and diedAt) is one letter. */
  file(letter: DriverDeadJob, call: DriverCall): Promise<void>
  /** Oldest first over all names. */
  list(query: DeadQuery & DriverCall & { readonly cursor?: string; readonly limit: number }): Promise<DriverDeadPage>
  /** Those of `ids`, with what `remove` wants. */
  byIds(ids: readonly string[], call: DriverCall): Promise<readonly FiledLetter[]>
  remove(letter: FiledLetter, call: DriverCall): Promise<void>
  /** Over `names`, or over all. */
  count(names: readonly string[] | undefined, call: DriverCall): Promise<number>
}

export interface FiledLetter extends DriverDeadJob {
  readonly object: string
}

/** Dedupe keys: one claim a key and queue, in two steps, so that a process that dies between them loses nothing. */
export interface ClaimBook {
  /**
   * Claims the job's dedupe key, sends it by `send`, confirms. Where another's claim holds: its job is sent first if that is not
   * confirmed, and the answer is a duplicate with its id. Rejects with what `send` throws; a send that is known to have failed
   * (outcome `not-applied`) gives the claim back first.
   */
  enqueue(
    job: DriverJob,
    send: (job: DriverJob) => Promise<void>,
    call: DriverCall,
  ): Promise<Exclude<DriverEnqueueOutcome, { error: Error }>>
}

/** Payloads that a message does not hold. */
export interface PayloadStore {
  /** Before the send. */
  put(job: Pick<DriverJob, 'id' | 'name'>, payload: Uint8Array, call: DriverCall): Promise<void>
  /** undefined: it is gone. */
  get(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<Uint8Array | undefined>
  /** After the job is done, or its dead letter is filed: that one keeps its own copy. */
  delete(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<void>
}

/** What is to be remembered of a message that stays where it is, since its place in its group counts. */
export interface Note {
  /** Whose it is, by SQS's id: of a later message of the same job it says nothing. */
  readonly message: string
  /** The attempt that its next start will be. */
  readonly attempt: number
  /** Starts of that attempt that ended without a settle. */
  readonly crashes: number
  /** Receives that are accounted for: ApproximateReceiveCount when the note was written. */
  readonly receives: number
  /** Not before, in milliseconds since the epoch. */
  readonly dueAt: number
}

export interface NoteBook {
  read(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<Note | undefined>
  write(job: Pick<DriverJob, 'id' | 'name'>, note: Note, call: DriverCall): Promise<void>
  remove(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<void>
  /** Notes of `names` (or all) that are due after `now`: keyed jobs that wait, which SQS counts as in flight. */
  countDelayed(names: readonly string[] | undefined, now: number, call: DriverCall): Promise<number>
}
