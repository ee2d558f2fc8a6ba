import {
  type Cursors,
  type DeviceReceipt,
  type DriverCall,
  type Enrolment,
  type JournalEntry,
  type JournalReceipt,
  PortError,
  type PushJournal,
  type ReplayPage,
  type ReplayRequest,
  type WireOutcome,
} from '@pdvend/ports'
import type { Client, Row, Statement } from './client.js'
import { type Acknowledgement, acksOf, type Append, columnsOf, pageOf, receiptsOf } from './codec.js'
import type { Checked } from './config.js'
import { ADAPTER } from './errors.js'
import { Groups } from './groups.js'
import { type Statements, statementsOf } from './statements.js'

/** Entries that one statement of `expire` deletes. */
const EXPIRE_CHUNK = 500
/** Outcomes and handled ids that one statement of `expire` forgets. */
const FORGET_CHUNK = 5_000
/** How often a group that lost a deadlock or a serialisation conflict is tried; the lock order makes these rare. */
const TRIES = 3

interface Settle {
  readonly device: string
  readonly id: string
  readonly forgetAt: number
}

/**
 * The push journal in PostgreSQL, for any number of instances. *Semantics*: those of the embedded journal; what has resolved is
 * committed with a flush to disk. *Order*: see `schema.ts`. *Limits*: `maxQueued` entries a stream; a body of 1 GiB.
 * *Cost*: the appends of one tick are one statement, one round trip and one commit; so are acknowledgements and settlements.
 * *Faults*: a call that breaks off throws UNAVAILABLE and the next makes a new connection; `append` may be tried again, since
 * the same id is the same entry.
 */
export class PostgresJournal implements PushJournal {
  readonly #sql: Statements
  readonly #appends: Groups<Append, JournalReceipt>
  readonly #acks: Groups<Acknowledgement, undefined>
  readonly #settles: Groups<Settle, boolean>
  #closed: Promise<void> | undefined

  constructor(
    private readonly client: Client,
    private readonly settings: Checked,
    readonly id: string,
    /** What was found at `open`, for the log and for `doctor`. */
    readonly facts: Readonly<Record<string, string>>,
  ) {
    this.#sql = statementsOf(settings.schema)
    this.#appends = new Groups(
      (group) => this.#append(group),
      ({ entry }) => entry.bytes.byteLength,
    )
    this.#acks = new Groups(
      (group) => this.#acknowledge(group),
      ({ outcomes }) => outcomes.length * 512,
    )
    this.#settles = new Groups(
      (group) => this.#settle(group),
      () => 128,
    )
  }

  append(entry: JournalEntry, now: number, { signal }: DriverCall): Promise<JournalReceipt> {
    return this.#open('append') ?? this.#appends.add({ entry, now }, signal)
  }

  async replay(device: string, request: ReplayRequest, now: number, call: DriverCall): Promise<ReplayPage> {
    for (let tries = 1; ; tries++) {
      const page = await this.#replay(device, request, now, call)
      if (page !== undefined) return page
      // A device that this journal does not know: its data was wiped, the device's credentials were not.
      if (tries === TRIES) throw new PortError('UNAVAILABLE', { adapter: ADAPTER, operation: 'replay', target: device })
      await this.enroll(device, undefined, call)
    }
  }

  acknowledge(device: string, cursors: Cursors, outcomes: readonly WireOutcome[], now: number, { signal }: DriverCall): Promise<void> {
    return this.#open('acknowledge') ?? this.#acks.add({ device, cursors, outcomes, now }, signal)
  }

  async expire(now: number, { signal }: DriverCall): Promise<number> {
    const at = Math.floor(now)
    let deleted = 0
    for (let looked = EXPIRE_CHUNK; looked === EXPIRE_CHUNK && !signal.aborted;) {
      const [row] = await this.#again('expire', this.#sql.expire, [at, EXPIRE_CHUNK])
      looked = Number(row!['looked'])
      deleted += Number(row!['deleted'])
    }
    for (let gone = FORGET_CHUNK; gone === FORGET_CHUNK && !signal.aborted;) {
      const [row] = await this.#again('expire', this.#sql.forget, [at, FORGET_CHUNK])
      gone = Number(row!['gone'])
    }
    return deleted
  }

  async enroll(device: string, groups: readonly string[] | undefined, { signal }: DriverCall): Promise<Enrolment> {
    const values = [this.settings.namespace, device, groups === undefined ? null : [...groups]]
    const [row] = await this.#again('enroll', this.#sql.enroll, values, signal)
    return { groups: row!['groups'] as readonly string[], changed: row!['changed'] === true }
  }

  async receipts(id: string, { signal }: DriverCall): Promise<readonly DeviceReceipt[]> {
    return receiptsOf(await this.client.run('receipts', this.#sql.receipts, [this.settings.namespace, id], signal))
  }

  async heads({ signal }: DriverCall): Promise<Cursors> {
    const rows = await this.client.run('heads', this.#sql.heads, [this.settings.namespace], signal)
    return Object.fromEntries(rows.map(({ stream, head }) => [String(stream), Number(head)]))
  }

  async settle(device: string, id: string, forgetAt: number, { signal }: DriverCall): Promise<boolean> {
    if (forgetAt !== 0) return this.#open('settle') ?? this.#settles.add({ device, id, forgetAt: Math.ceil(forgetAt) }, signal)
    const rows = await this.client.run('settle', this.#sql.isSettled, [this.settings.namespace, device, id], signal)
    return rows.length === 0
  }

  /** Also fails where another journal now stands in this one's place: sequences of the one mean nothing in the other. */
  async ping({ signal }: DriverCall): Promise<void> {
    const [row] = await this.client.run('ping', this.#sql.id, [], signal)
    if (row?.['value'] !== this.id) throw another('ping')
  }

  /** Idempotent: takes nothing more, waits for the groups in hand, disconnects. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.all([this.#appends.idle(), this.#acks.idle(), this.#settles.idle()])
    await this.client.close()
  }

  #open(operation: string): Promise<never> | undefined {
    if (this.#closed === undefined) return undefined
    return Promise.reject(new PortError('CLOSED', { adapter: ADAPTER, operation, detail: 'the journal is closed' }))
  }

  async #append(group: readonly Append[]): Promise<readonly (JournalReceipt | PortError)[]> {
    const { namespace, maxQueued, overflow } = this.settings
    const values = [namespace, maxQueued, overflow === 'refuse', ...columnsOf(group)]
    const rows = await this.#again('append', this.#sql.append, values)
    const results: (JournalReceipt | PortError)[] = []
    for (const { place, state, sequence, previous } of rows) {
      const at = Number(place) - 1
      results[at] =
        state === 'full'
          ? full(group[at]!.entry.stream, maxQueued)
          : { sequence: Number(sequence), previous: Number(previous), known: state === 'known' }
    }
    return results
  }

  async #acknowledge(group: readonly Acknowledgement[]): Promise<readonly undefined[]> {
    await this.#again('acknowledge', this.#sql.acknowledge, [this.settings.namespace, acksOf(group)])
    return group.map(() => undefined)
  }

  async #settle(group: readonly Settle[]): Promise<readonly boolean[]> {
    const values = [group.map(({ device }) => device), group.map(({ id }) => id), group.map(({ forgetAt }) => forgetAt)]
    const rows = await this.#again('settle', this.#sql.settle, [this.settings.namespace, ...values])
    const news = new Set(rows.map(({ device, id }) => JSON.stringify([device, id])))
    // Twice in one group: the first has it.
    return group.map(({ device, id }) => news.delete(JSON.stringify([device, id])))
  }

  async #replay(
    device: string,
    { cursors, maxEntries, maxBytes }: ReplayRequest,
    now: number,
    { signal }: DriverCall,
  ): Promise<ReplayPage | undefined> {
    const values = [this.settings.namespace, device, Object.keys(cursors), Object.values(cursors), Math.floor(now), maxEntries, maxBytes]
    return pageOf(await this.client.run('replay', this.#sql.replay, values, signal))
  }

  async #again(operation: string, statement: Statement, values: readonly unknown[], signal?: AbortSignal): Promise<readonly Row[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.client.run(operation, statement, values, signal)
      } catch (error) {
        if (tries === TRIES || !isConflict(error)) throw error
      }
    }
  }
}

/** Serialisation failures and deadlocks: rolled back, and worth another try at once. */
function isConflict(error: unknown): boolean {
  return PortError.is(error) && String((error.cause as { readonly code?: unknown } | undefined)?.code).startsWith('40')
}

/** The same words as the embedded journal's, which the contract knows [P25]. */
function full(stream: string, most: number): PortError {
  return new PortError('RATE_LIMITED', {
    adapter: ADAPTER,
    operation: 'append',
    target: stream,
    retryable: false,
    detail: `${most} messages are queued, the bound of PDVEND_PUSH_QUEUE_MAX: wait until the device has caught up`,
  })
}

export function another(operation: string): PortError {
  return new PortError('UNAVAILABLE', {
    adapter: ADAPTER,
    operation,
    retryable: false,
    detail: 'the database of PDVEND_PUSH_JOURNAL holds another journal than at the start: start the app again',
  })
}
