import { type ClusterOptions, ShareError, type ShareRecord } from '@pdvend/kafka-share-consumer'
import {
  type Clock,
  type DriverCall,
  type DriverEnqueueOutcome,
  type DriverJob,
  type DriverReceive,
  type JobStats,
  type Lease,
  PortError,
  type Settlement,
} from '@pdvend/ports'
import type { KafkaClient } from '../../client.js'
import { Appender } from '../classic/appender.js'
import { jobRecord, readRecord, type StoredJob } from '../classic/records.js'
import { onAbort, until } from '../classic/signals.js'
import type { JobEngine, JobKeeper, KeptJob } from '../engine.js'
import { type CleanerDeps, ShareCleaner } from './cleaner.js'
import { Depth, type Depths } from './depth.js'
import { shareFailure } from './errors.js'
import { HeldCounts } from './held.js'
import { type HeldJob, QueueMember } from './member.js'
import { heldTopicOf, shareTopicOf } from './topics.js'

export interface ShareDeps {
  readonly client: KafkaClient
  readonly options: ClusterOptions
  readonly clock: Clock
  readonly prefix: string
  /** Unique for this process and opening. */
  readonly writer: string
  readonly adapter: string
  readonly keeper: JobKeeper
  /** Does the keeper have this job already? */
  readonly kept: (name: string, id: string, signal: AbortSignal) => Promise<boolean>
  /** When done jobs are deleted, for tests. */
  readonly cleaning?: Pick<CleanerDeps, 'everyMs' | 'leastRecords'>
}

/**
 * From the third delivery on a job is the keeper's, with its crashes: a broker sets a record aside after five (its default), before
 * Kafka 4.4 without a trace, and a job that kills workers is to become a dead letter.
 */
const MOST_DELIVERIES = 2
/** How often locks and leases are looked at. */
const UPKEEP_MS = 100
/** One question to the brokers; a `receive` may ask many. */
const POLL_MS = 400
/** For the keeper to take jobs, in milliseconds: well within their locks. It is tried again. */
const DEADLINE_MS = 5_000
/** Queues that are looked into at once. */
const LOOKS = 4

/**
 * Jobs that need no more than a queue gives: without a key, a dedupe key, a priority or a delay. Each lies in a topic whose share
 * group hands it out, and is accepted when it is done. The broker's count of deliveries grows with whatever ends a lock, so it is
 * left to mean crashes alone: a job that is to run again, to wait or to be a dead letter goes to the keeper, under its id, and
 * is accepted here after that. Killed in between, it is delivered again, and the keeper's copy is the one that counts.
 */
export class ShareEngine implements JobEngine {
  readonly name = 'share'
  readonly #appenders = new Map<string, Appender>()
  readonly #members = new Map<string, Promise<QueueMember>>()
  readonly #exists = new Map<string, boolean>()
  readonly #leases = new Map<string, HeldJob>()
  readonly #counts: HeldCounts
  readonly #depth: Depth
  readonly #cleaner: ShareCleaner
  /** Under way: a job may be in two places for that long. */
  readonly #settling = new Set<Promise<void>>()
  readonly #closing = new AbortController()
  #tokens = 0
  #upkeep: NodeJS.Timeout | undefined
  #producer: ReturnType<KafkaClient['producer']> | undefined

  constructor(private readonly deps: ShareDeps) {
    const { client, clock, options, prefix, writer } = deps
    const mine = (name: string) => this.#held(name)
    this.#counts = new HeldCounts({ client, clock, writer, mine, topic: heldTopicOf({ prefix }) })
    this.#depth = new Depth({ client, clock, options, prefix })
    this.#cleaner = new ShareCleaner({ client, clock, options, prefix, names: () => [...this.#members.keys()], ...deps.cleaning })
  }

  takes({ key, dedupe, priority, dueAt }: DriverJob): boolean {
    return key === undefined && dedupe === undefined && priority === 0 && dueAt <= this.deps.clock.now()
  }

  gave({ token }: Lease): boolean {
    return token.startsWith('s.')
  }

  /** Was its topic made? A queue that was provisioned for an older broker has none. */
  async has(name: string, signal: AbortSignal): Promise<boolean> {
    if (this.#exists.get(name) === true) return true
    const found = await until(this.deps.client.admin.topics([shareTopicOf(name, this.deps)]), signal)
    this.#exists.set(name, found.length > 0)
    return found.length > 0
  }

  async enqueue(jobs: readonly DriverJob[], { signal }: DriverCall): Promise<readonly DriverEnqueueOutcome[]> {
    const written = new Map<string, Promise<void>[]>()
    for (const name of new Set(jobs.map((job) => job.name))) {
      const records = jobs.filter((job) => job.name === name).map((job) => jobRecord(job))
      written.set(name, [...this.#appender(name).append(records, signal)])
    }
    return Promise.all(
      jobs.map(async ({ id, name }): Promise<DriverEnqueueOutcome> => {
        try {
          await written.get(name)!.shift()
          return { id, duplicate: false }
        } catch (error) {
          return { error: shareFailure('enqueue', error, name) }
        }
      }),
    )
  }

  async receive(options: DriverReceive): Promise<readonly Lease[]> {
    const { clock } = this.deps
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    const endMs = clock.now() + options.waitMs
    const members = await this.#membersOf(options.names, signal)
    if (members.length === 0) return []
    for (;;) {
      const leases = await this.#takeFrom(members, options)
      const leftMs = endMs - clock.now()
      if (leases.length > 0 || signal.aborted || leftMs <= 0) return leases
      const each = Math.max(1, Math.floor(options.max / members.length))
      for (const member of members) this.#ask(member, each, Math.min(leftMs, POLL_MS))
      await this.#answer(members, leftMs, signal)
    }
  }

  /** Takes back a lease that nobody has seen. */
  putBack(lease: Lease): void {
    const held = this.#leases.get(lease.token)
    if (held === undefined) return
    this.#drop(lease.token, held)
    void this.#members.get(held.name)?.then((member) => member.putBack(held.record))
  }

  /** Resolves when no job is on its way from here to the keeper, and those who settled have heard so. */
  async settled(): Promise<void> {
    if (this.#settling.size === 0) return
    await Promise.allSettled(this.#settling)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** Has each of these queues been looked into by this process? Before that, nothing found means nothing. */
  async warm(names: readonly string[]): Promise<boolean> {
    const members = await Promise.all(names.map(async (name) => this.#members.get(name)?.catch(() => undefined)))
    return names.every((name, at) => this.#exists.get(name) === false || members[at]?.warm === true)
  }

  async settle(lease: Lease, settlement: Settlement, { signal }: DriverCall): Promise<void> {
    const held = this.#find('settle', lease)
    const { job, attempt } = held
    const now = this.deps.clock.now()
    const dueAt = 'delayMs' in settlement && settlement.delayMs > 0 ? Math.ceil(now + settlement.delayMs) : job.dueAt
    const moved: KeptJob | undefined =
      settlement.kind === 'done'
        ? undefined
        : settlement.kind === 'dead'
          ? { job, attempt, dead: { reason: settlement.reason, errors: settlement.errors, diedAt: Math.floor(now) } }
          : { job: { ...job, dueAt }, attempt: attempt + Number(settlement.kind === 'retry') }
    const work = (async () => {
      if (moved !== undefined) await this.deps.keeper.keep([moved], { signal })
      await until(held.record.accept(), signal)
      this.#drop(lease.token, held)
    })()
    this.#settling.add(work)
    try {
      await work
    } catch (error) {
      throw this.#told('settle', error, lease, held)
    } finally {
      this.#settling.delete(work)
    }
  }

  async extend(lease: Lease, leaseMs: number, { signal }: DriverCall): Promise<number> {
    const held = this.#find('extend', lease)
    const expiresAt = Math.ceil(this.deps.clock.now() + leaseMs)
    try {
      await until(held.record.renew(), signal)
    } catch (error) {
      throw this.#told('extend', error, lease, held)
    }
    held.expiresAt = expiresAt
    this.#counts.tellSoon(held.name)
    return expiresAt
  }

  async stats(names: readonly string[], call: DriverCall): Promise<JobStats> {
    await until(this.settled(), call.signal)
    const found: Depths[] = []
    let next = 0
    const look = async (): Promise<void> => {
      for (let name = names[next++]; name !== undefined; name = names[next++]) {
        if (await this.has(name, call.signal)) found.push(await this.#depth.of(name, this.#counts, call))
      }
    }
    await Promise.all(Array.from({ length: Math.min(LOOKS, names.length) }, look)).catch((error: unknown) => {
      throw shareFailure('stats', error)
    })
    const sum = (field: 'ready' | 'inFlight'): number => found.reduce((total, stats) => total + stats[field], 0)
    const oldestAgeMs = Math.max(0, ...found.map((stats) => stats.oldestAgeMs))
    return { ready: sum('ready'), delayed: 0, inFlight: sum('inFlight'), dead: 0, oldestAgeMs }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#upkeep)
    await this.#cleaner.close()
    const members = (await Promise.allSettled(this.#members.values())).flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    await Promise.all(
      members.map(async (member) => {
        await this.#handOn(member.name, await member.drain()).catch(() => undefined)
        await member.close()
      }),
    )
    await Promise.all([...this.#appenders.values()].map((appender) => appender.idle()))
    for (const { name } of members) await this.#counts.tell(name, AbortSignal.timeout(2_000)).catch(() => undefined)
    await this.#counts.close()
    await this.#depth.close()
    await this.#producer?.then((producer) => producer.close()).catch(() => undefined)
  }

  #appender(name: string): Appender {
    let appender = this.#appenders.get(name)
    if (appender === undefined) {
      appender = new Appender(shareTopicOf(name, this.deps), this.deps.writer, () => this.#connected())
      this.#appenders.set(name, appender)
    }
    return appender
  }

  #connected(): ReturnType<KafkaClient['producer']> {
    if (this.#producer === undefined) {
      const producer = this.deps.client.producer()
      this.#producer = producer
      producer.catch(() => (this.#producer = undefined))
    }
    return this.#producer
  }

  async #membersOf(names: readonly string[], signal: AbortSignal): Promise<readonly QueueMember[]> {
    const { prefix, options, clock } = this.deps
    const opened = await Promise.all(
      names.map(async (name) => {
        if (!(await this.has(name, signal))) return undefined
        let member = this.#members.get(name)
        if (member === undefined) {
          member = QueueMember.open(name, prefix, options, clock)
          this.#members.set(name, member)
          member.catch(() => this.#members.delete(name))
        }
        return until(member, signal)
      }),
    ).catch((error: unknown) => {
      if (signal.aborted) return []
      throw shareFailure('receive', error)
    })
    return opened.flatMap((member) => member ?? [])
  }

  /** Turns what has come into leases; what was delivered too often goes to the keeper. */
  async #takeFrom(members: readonly QueueMember[], { max, leaseMs }: DriverReceive): Promise<Lease[]> {
    const leases: Lease[] = []
    const failures: unknown[] = []
    for (const member of members) {
      const records = member.take(max - leases.length)
      const [fresh, again] = [records.filter(isFresh), records.filter((record) => !isFresh(record))]
      const known = await this.#handOnKnown(member.name, again).catch((error: unknown) => {
        failures.push(error)
        this.#keepHere(member, again)
        return []
      })
      for (const record of [...fresh, ...known]) leases.push(...this.#lease(member.name, record, leaseMs))
    }
    if (leases.length === 0 && failures.length > 0) throw shareFailure('receive', failures[0])
    if (leases.length > 0) {
      this.#watch()
      const names = new Set(leases.map(({ job }) => job.name))
      // Without it the depth is wrong for a while; the jobs are right.
      await Promise.all([...names].map((name) => this.#counts.tell(name, AbortSignal.timeout(2_000)).catch(() => undefined)))
    }
    return leases
  }

  /** Of records that were delivered before: those that may start here once more. */
  async #handOnKnown(name: string, records: readonly ShareRecord[]): Promise<readonly ShareRecord[]> {
    if (records.length === 0) return []
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const starts: ShareRecord[] = []
    const moves: ShareRecord[] = []
    for (const record of records) {
      const job = jobOf(name, record)
      if (job === undefined || (await this.deps.kept(name, job.id, signal))) await accepted(record)
      else if (record.deliveryCount > MOST_DELIVERIES) moves.push(record)
      else starts.push(record)
    }
    await this.#handOn(name, moves)
    return starts
  }

  /** What the keeper cannot take now: let go, it would count as crashed, and be lost after some deliveries. */
  #keepHere(member: QueueMember, records: readonly ShareRecord[]): void {
    for (const record of records) member.putBack(record)
    this.#watch()
  }

  /** To the keeper, and away. */
  async #handOn(name: string, records: readonly ShareRecord[]): Promise<void> {
    if (records.length === 0) return
    const kept = records.flatMap((record): KeptJob[] => {
      const found = jobOf(name, record)
      if (found === undefined) return []
      const { attempt = 1, ...job } = found
      return [{ job, attempt, crashes: record.deliveryCount - 1 }]
    })
    await this.deps.keeper.keep(kept, { signal: AbortSignal.timeout(DEADLINE_MS) })
    await Promise.all(records.map(accepted))
  }

  #lease(name: string, record: ShareRecord, leaseMs: number): readonly Lease[] {
    const found = jobOf(name, record)
    if (found === undefined) {
      void accepted(record)
      return []
    }
    const { attempt = 1, ...job } = found
    const expiresAt = Math.ceil(this.deps.clock.now() + leaseMs)
    const token = `s.${this.deps.writer}.${++this.#tokens}`
    this.#leases.set(token, { name, job, attempt, record, expiresAt })
    return [{ job, token, attempt, crashes: record.deliveryCount - 1, expiresAt }]
  }

  #ask(member: QueueMember, most: number, waitMs: number): void {
    try {
      member.ask(most, waitMs)
    } catch (error) {
      throw shareFailure('receive', error)
    }
  }

  /** Until a question is answered, the time is over or the signal aborts. */
  async #answer(members: readonly QueueMember[], ms: number, signal: AbortSignal): Promise<void> {
    const ends: (() => void)[] = []
    await new Promise<void>((resolve) => {
      const timer = this.deps.clock.timer(ms, resolve)
      ends.push(() => timer.cancel(), onAbort(signal, resolve), ...members.map((member) => member.onAnswer(resolve)))
    })
    for (const end of ends) end()
  }

  /** A lease that has ended is refused whatever the lock does. */
  #find(operation: string, lease: Lease): HeldJob {
    const held = this.#leases.get(lease.token)
    if (held === undefined || held.record.state === 'lost' || held.expiresAt <= this.deps.clock.now()) throw this.#lost(operation, lease)
    return held
  }

  #told(operation: string, error: unknown, lease: Lease, held: HeldJob): PortError {
    const gone = error instanceof ShareError && (error.code === 'LOCK_LOST' || error.code === 'ALREADY_SETTLED')
    if (held.record.state === 'lost') this.#drop(lease.token, held)
    return gone ? this.#lost(operation, lease, error) : shareFailure(operation, error, lease.job.id)
  }

  #lost(operation: string, { job }: Lease, cause?: unknown): PortError {
    const { adapter } = this.deps
    const detail = 'the lease ended, or another worker has the job'
    return new PortError('LEASE_LOST', { adapter, operation, target: job.id, detail, ...(cause === undefined ? {} : { cause }) })
  }

  #drop(token: string, { name }: HeldJob): void {
    this.#leases.delete(token)
    this.#counts.tellSoon(name)
  }

  #watch(): void {
    this.#upkeep ??= setInterval(() => void this.#keepUp(), UPKEEP_MS).unref()
  }

  /** Renews locks that are half over, gives back what leases have left and what nobody has taken. */
  async #keepUp(): Promise<void> {
    const now = this.deps.clock.now()
    for (const [token, held] of this.#leases) {
      const { record, expiresAt } = held
      if (record.state !== 'lost' && expiresAt > now) {
        renewHalfOver(record)
        continue
      }
      this.#drop(token, held)
      if (record.state === 'held') record.release().catch(() => undefined)
    }
    for (const opening of this.#members.values()) {
      const member = await opening.catch(() => undefined)
      if (member === undefined) continue
      const stale = member.takeStale()
      await this.#handOn(member.name, stale).catch(() => this.#keepHere(member, stale))
      for (const record of member.waiting) renewHalfOver(record)
    }
  }

  #held(name: string): { readonly count: number; readonly until: number } {
    let [count, last] = [0, 0]
    for (const held of this.#leases.values()) {
      if (held.name !== name || held.record.state === 'lost') continue
      count++
      last = Math.max(last, held.expiresAt)
    }
    return { count, until: last }
  }
}

function isFresh({ deliveryCount }: ShareRecord): boolean {
  return deliveryCount === 1
}

/** What fails here is delivered again, and found out again. */
async function accepted(record: ShareRecord): Promise<void> {
  await record.accept().catch(() => undefined)
}

function renewHalfOver(record: ShareRecord): void {
  // A lock that is lost is noticed by its state.
  if (record.state === 'held' && record.lockedUntil.getTime() - Date.now() < record.lockDurationMs / 2)
    record.renew().catch(() => undefined)
}

/** As it stands in the record; one that another program wrote is a job that is due at once. A tombstone is none. */
function jobOf(name: string, record: ShareRecord): (DriverJob & Pick<StoredJob, 'attempt'>) | undefined {
  const { topic, partition, offset, timestampMs: timestamp, key, value } = record
  const headers = Object.fromEntries(record.headers.map((header) => [header.key, header.value ?? new Uint8Array()]))
  const read = readRecord({ topic, partition, offset: Number(offset), timestamp, key, value, headers })
  if (read?.kind !== 'job') return undefined
  // Who wrote a key did not ask for its order here.
  const { key: _, ...job } = read.job
  return { ...job, name, payload: read.payload }
}
