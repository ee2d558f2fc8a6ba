import {
  type Clock,
  type ClockTimer,
  type DriverCall,
  type DriverEnqueueOutcome,
  type DriverJob,
  type DriverReceive,
  type JobStats,
  type Lease,
  PortError,
  type Settlement,
} from '@pdvend/ports'
import type { JobEngine, JobKeeper, KeptJob } from '../engine.js'
import type { Queue, Queues } from './queues.js'
import { jobRecord, type Operation } from './records.js'
import type { Replica } from './replica.js'
import { onAbort, until } from './signals.js'
import { type Entry, rankOf } from './state.js'

export interface ClassicDeps {
  readonly queues: Queues
  readonly clock: Clock
  /** Unique for this process and opening: the beginning of its tokens. */
  readonly writer: string
  readonly adapter: string
  /** The driver's error table. */
  readonly fail: (operation: string, cause: unknown, target?: string) => PortError
}

/** Longest wait for what becomes of a claim, in milliseconds; what it took later is given back. */
const PATIENCE_MS = 30_000

/** Jobs of one queue that were handed out by one claim. */
interface Claimed {
  readonly name: string
  readonly replica: Replica
  readonly entries: readonly Entry[]
}

/**
 * Every worker reads the queue's log and writes into it what it does: a claim or a settlement takes effect where it stands in
 * the log, for all readers alike. docs/decisions/0012 says instead of what, and what it costs.
 */
export class ClassicEngine implements JobEngine, JobKeeper {
  readonly name = 'classic'
  #claims = 0
  readonly #closing = new AbortController()
  #deadline: { readonly signal: AbortSignal; readonly madeAt: number } | undefined
  /** Settlements whose answer got lost: `true` once they are known to hold. A second try of one that holds is no lost lease. */
  readonly #unsure = new Map<string, boolean>()

  constructor(private readonly deps: ClassicDeps) {}

  takes(): boolean {
    return true
  }

  gave({ token }: Lease): boolean {
    return token.startsWith('c.')
  }

  async enqueue(jobs: readonly DriverJob[], { signal }: DriverCall): Promise<readonly DriverEnqueueOutcome[]> {
    const { queues, fail } = this.deps
    // Only with a dedupe key one must see what the queue holds.
    const seen = new Set(jobs.flatMap(({ name, dedupe }) => (dedupe === undefined ? [] : [name])))
    const names = [...new Set(jobs.map(({ name }) => name))]
    const open = await Promise.allSettled(
      names.map(async (name) => (seen.has(name) ? queues.replica(name, signal) : until(queues.get(name), signal))),
    )
    // All appended within this turn, in order: a key's jobs stand in the log as they stand in the batch.
    const outcomes: Promise<DriverEnqueueOutcome>[] = []
    for (const [index, name] of names.entries()) {
      const mine = jobs.flatMap((job, at) => (job.name === name ? [{ job, at }] : []))
      const target = open[index]!
      const stored =
        target.status === 'rejected' ? mine.map(() => Promise.reject(target.reason as Error)) : this.#store(target.value, mine, signal)
      for (const [position, { at }] of mine.entries())
        outcomes[at] = stored[position]!.catch((error: unknown) => ({ error: fail('enqueue', error, name) }))
    }
    return Promise.all(outcomes)
  }

  #store(
    target: Queue | Replica,
    jobs: readonly { readonly job: DriverJob }[],
    signal: AbortSignal,
  ): readonly Promise<DriverEnqueueOutcome>[] {
    const told = jobs.map(({ job }) => (job.dedupe === undefined ? undefined : (target as Replica).told(job.id)))
    const written = target.appender.append(
      jobs.map(({ job }) => jobRecord(job)),
      signal,
    )
    return jobs.map(async ({ job }, at) => {
      try {
        await written[at]
        return told[at] === undefined ? { id: job.id, duplicate: false } : await until(told[at].stored, signal)
      } finally {
        told[at]?.stop()
      }
    })
  }

  async keep(jobs: readonly KeptJob[], { signal }: DriverCall): Promise<void> {
    await Promise.all(
      jobs.map(async ({ job, attempt, crashes, dead }) => {
        const { appender } = await until(this.deps.queues.get(job.name), signal)
        await appender.append(
          [jobRecord({ ...job, attempt, ...(crashes === undefined ? {} : { crashes }), ...(dead === undefined ? {} : { dead }) })],
          signal,
        )[0]
      }),
    )
  }

  async receive(options: DriverReceive): Promise<readonly Lease[]> {
    const { queues, clock } = this.deps
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    const until = clock.now() + options.waitMs
    const replicas = await Promise.all(
      options.names.map(async (name) => ({
        name,
        replica: await queues.replica(name, signal),
      })),
    ).catch((error: unknown) => {
      if (signal.aborted) return undefined
      throw error
    })
    if (replicas === undefined) return []
    for (let lost = 0; ;) {
      // Listened to before the look, so that nothing slips between.
      const change = new Change(replicas.map(({ replica }) => replica))
      try {
        if (signal.aborted) return []
        const now = clock.now()
        const picked = this.#pick(replicas, now, options.max, lost)
        if (picked.length > 0) {
          const leases = await this.#claim(picked, now, options.leaseMs)
          if (leases.length > 0) return leases
          lost++
          continue
        }
        if (now >= until) return []
        const nextAt = Math.min(until, ...replicas.flatMap(({ replica }) => replica.state.nextAt() ?? []))
        await change.wait(clock, nextAt - now, signal)
      } finally {
        change.stop()
      }
    }
  }

  /** The best over all queues. Who lost a claim to another worker looks further down the line, where there is enough for both. */
  #pick(replicas: readonly { name: string; replica: Replica }[], now: number, max: number, lost: number): readonly Claimed[] {
    const skip = lost === 0 ? 0 : Math.floor(Math.random() * max * 2 ** Math.min(lost, 6))
    const each = replicas.map(({ name, replica }) => ({ name, replica, entries: replica.state.pick(now, max, skip) }))
    if (each.length === 1) return each[0]!.entries.length > 0 ? each : []
    const all = each.flatMap(({ entries }) => entries).toSorted((a, b) => rankOf(a) - rankOf(b) || a.job.enqueuedAt - b.job.enqueuedAt)
    const chosen = new Set(all.slice(0, max))
    return each.flatMap(({ name, replica, entries }) => {
      replica.state.unpick(entries.filter((entry) => !chosen.has(entry)))
      const mine = entries.filter((entry) => chosen.has(entry))
      return mine.length > 0 ? [{ name, replica, entries: mine }] : []
    })
  }

  /** @throws UNAVAILABLE where no queue took a claim */
  async #claim(picked: readonly Claimed[], at: number, leaseMs: number): Promise<readonly Lease[]> {
    const failures: unknown[] = []
    const leases = await Promise.all(
      picked.map(async ({ name, replica, entries }): Promise<readonly Lease[]> => {
        const token = `c.${this.deps.writer}.${++this.#claims}`
        const expiresAt = Math.ceil(at + leaseMs)
        const claim: Operation = { op: 'claim', seqs: entries.map(({ seq }) => seq), token, at: Math.floor(at), until: expiresAt }
        try {
          // Not ended by the caller's signal: what is claimed is handed over.
          const won = await replica.operate(claim, this.#patience(), (late) => this.#giveBack(replica, late, token))
          try {
            const payloads = await this.#payloads(replica, won)
            return won.map((entry, index) => leaseOf(name, entry, payloads[index]!, token, expiresAt))
          } catch (error) {
            this.#giveBack(replica, won, token)
            throw error
          }
        } catch (error) {
          failures.push(error)
          return []
        } finally {
          replica.state.unpick(entries)
        }
      }),
    )
    const all = leases.flat()
    if (all.length === 0 && failures.length > 0) throw this.deps.fail('receive', failures[0])
    return all
  }

  /** The deadline of what no caller limits; one a second, for a timer each would outlive thousands of claims. */
  #patience(): AbortSignal {
    const now = performance.now()
    if (this.#deadline === undefined || now - this.#deadline.madeAt > 1_000)
      this.#deadline = { signal: AbortSignal.timeout(PATIENCE_MS), madeAt: now }
    return this.#deadline.signal
  }

  /** A claim that took effect when nobody waited for it any more must not look like a crash. */
  #giveBack(replica: Replica, entries: readonly Entry[], token: string): void {
    for (const { seq } of entries) {
      const release: Operation = { op: 'release', seq, token, at: Math.floor(this.deps.clock.now()) }
      replica.operate(release, this.#patience(), () => {}).catch(() => {})
    }
  }

  async #payloads(replica: Replica, entries: readonly Entry[]): Promise<readonly Uint8Array[]> {
    const payloads = entries.map(({ payload }) => payload)
    // Twice: a record may have been copied to the log's end, and cut, while it was looked for.
    for (let looks = 0; looks < 2 && payloads.includes(undefined); looks++) {
      const missing = entries.flatMap(({ offset }, at) => (payloads[at] === undefined ? [{ offset, at }] : []))
      const offsets = missing.map(({ offset }) => offset)
      const found = await this.deps.queues.payloads(replica.topic, offsets, this.#patience())
      for (const { offset, at } of missing) payloads[at] = found.get(offset)
    }
    if (payloads.includes(undefined)) throw new Error(`a job's record is not in ${replica.topic} any more`)
    return payloads as Uint8Array[]
  }

  async settle(lease: Lease, settlement: Settlement, { signal }: DriverCall): Promise<void> {
    const { seq, token } = placeOf(lease)
    const at = Math.floor(this.deps.clock.now())
    const fence = { seq, token, at }
    const dueAt = 'delayMs' in settlement ? Math.ceil(this.deps.clock.now() + settlement.delayMs) : at
    const operation: Operation =
      settlement.kind === 'done'
        ? { op: 'done', ...fence }
        : settlement.kind === 'dead'
          ? { op: 'dead', ...fence, reason: settlement.reason, errors: settlement.errors }
          : settlement.kind === 'retry'
            ? { op: 'retry', ...fence, dueAt }
            : // Given back without a delay, it keeps its place in the line.
              { op: 'release', ...fence, ...(settlement.delayMs > 0 ? { dueAt } : {}) }
    await this.#fenced('settle', lease, operation, signal)
  }

  async extend(lease: Lease, leaseMs: number, { signal }: DriverCall): Promise<number> {
    const { seq, token } = placeOf(lease)
    const at = this.deps.clock.now()
    const until = Math.ceil(at + leaseMs)
    await this.#fenced('extend', lease, { op: 'extend', seq, token, at: Math.floor(at), until }, signal)
    return until
  }

  /** @throws LEASE_LOST and what the client throws */
  async #fenced(
    operation: 'settle' | 'extend',
    lease: Lease,
    record: Exclude<Operation, { seqs: readonly number[] }>,
    signal: AbortSignal,
  ): Promise<void> {
    const replica = await this.#held(operation, lease, signal)
    const name = `${lease.job.name} ${record.seq} ${record.token}`
    const known = this.#unsure.get(name)
    if (operation === 'settle' && known === true) return void this.#unsure.delete(name)
    const held = replica.state.find(record.seq)?.lease
    if (known === undefined && (held?.token !== record.token || held.expiresAt <= record.at)) throw this.#lost(operation, lease)
    try {
      const applied = await replica.operate(record, signal, (late) => {
        if (operation === 'settle') this.#unsure.set(name, late.length > 0)
      })
      const before = this.#unsure.get(name)
      this.#unsure.delete(name)
      if (applied.length === 0 && before !== true) throw this.#lost(operation, lease)
    } catch (error) {
      if (PortError.is(error, 'LEASE_LOST')) throw error
      if (operation === 'settle') this.#remember(name)
      throw this.deps.fail(operation, error, lease.job.id)
    }
  }

  #remember(name: string): void {
    if (!this.#unsure.has(name)) this.#unsure.set(name, false)
    if (this.#unsure.size > 10_000) this.#unsure.delete(this.#unsure.keys().next().value!)
  }

  async #held(operation: string, lease: Lease, signal: AbortSignal): Promise<Replica> {
    try {
      return await this.deps.queues.replica(lease.job.name, signal)
    } catch (error) {
      throw this.deps.fail(operation, error, lease.job.id)
    }
  }

  #lost(operation: string, { job }: Lease): PortError {
    const { adapter } = this.deps
    return new PortError('LEASE_LOST', { adapter, operation, target: job.id, detail: 'the lease ended, or another worker has the job' })
  }

  async stats(names: readonly string[], { signal }: DriverCall): Promise<JobStats> {
    const { queues, clock } = this.deps
    const each = await queues.each(names, signal, async (_, replica) => replica.state.stats(clock.now()))
    const sum = (field: keyof JobStats): number => each.reduce((total, stats) => total + stats[field], 0)
    return {
      ready: sum('ready'),
      delayed: sum('delayed'),
      inFlight: sum('inFlight'),
      dead: sum('dead'),
      oldestAgeMs: Math.max(0, ...each.map(({ oldestAgeMs }) => oldestAgeMs)),
    }
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }
}

/** Waits for any of several queues to change, or for a time. */
class Change {
  readonly #stops: (() => void)[]
  #changed = false
  #wake: (() => void) | undefined

  constructor(replicas: readonly Replica[]) {
    const changed = (): void => {
      this.#changed = true
      this.#wake?.()
    }
    this.#stops = replicas.map((replica) => replica.onChange(changed))
  }

  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#changed || signal.aborted) return
    let timer: ClockTimer | undefined
    let stop = (): void => {}
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = clock.timer(Math.max(0, ms), resolve)
      stop = onAbort(signal, resolve)
    })
    timer?.cancel()
    stop()
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }
}

function leaseOf(name: string, { seq, job, attempt, crashes, dueAt }: Entry, payload: Uint8Array, token: string, expiresAt: number): Lease {
  const { id, enqueuedAt, key, dedupe, priority } = job
  return {
    job: {
      ...{ id, name, payload, dueAt, enqueuedAt, priority },
      ...(key === undefined ? {} : { key }),
      ...(dedupe === undefined ? {} : { dedupe }),
    },
    token: `${token}.${seq}`,
    attempt,
    crashes,
    expiresAt,
  }
}

/** The job's name in the log, and the claim's token, from a lease's. */
function placeOf({ token }: Lease): { readonly seq: number; readonly token: string } {
  const at = token.lastIndexOf('.')
  return { seq: Number(token.slice(at + 1)), token: token.slice(0, at) }
}
