import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type ClusterOptions, type TopicPartition } from './cluster.js'
import { Demand } from './demand.js'
import { ShareError } from './errors.js'
import type { ShareConsumerEvent } from './events.js'
import { Membership } from './membership.js'
import type { AssignedTopic } from './protocol/share-group-heartbeat.js'
import type { ShareRecord } from './record.js'
import { keyOf, ShareSession, type Member } from './share-session.js'
import { askSupport, ShareAdmin, type ShareSupport } from './share-group.js'

export interface ShareConsumerOptions extends ClusterOptions {
  /** The share group. All its members should name the same topics. */
  readonly groupId: string
  readonly topics: readonly string[]
  /** Where this member runs, for brokers that know of racks. */
  readonly rackId?: string
  /** Records that may be held at once, handed out or on their way; a poll waits for room. Default 2,000, the brokers' own limit per partition. */
  readonly maxInFlight?: number
  /** Of one answer, in bytes; a single larger record comes all the same. Default 8 MiB. */
  readonly maxFetchBytes?: number
  /** How long {@link ShareConsumer.open} tries, in milliseconds. Default 15,000. */
  readonly openTimeoutMs?: number
  /** How long {@link ShareConsumer.close} tries, in milliseconds. Default 5,000. */
  readonly closeTimeoutMs?: number
  /** Told of what happens beneath. Must not throw. */
  readonly observe?: (event: ShareConsumerEvent) => void
}

export interface PollOptions {
  /** At most this many come, and no more are locked. Default 100. */
  readonly maxRecords?: number
  /** How long to wait for the first one, in milliseconds. Default 500. */
  readonly waitMs?: number
  /** Ends the wait; the poll rejects with its reason. */
  readonly signal?: AbortSignal
}

export interface RecordsOptions {
  /** Records locked ahead of the one in hand: their locks run meanwhile. Default 1: none ahead. */
  readonly prefetch?: number
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal
}

export interface ShareConsumerState {
  readonly memberId: string
  /** 0 while it is not in the group. */
  readonly memberEpoch: number
  readonly assignment: readonly TopicPartition[]
  /** Locked for this member. */
  readonly held: number
  /** Of these, not handed out: they came when their poll had ended. */
  readonly waiting: number
}

const MAX_FETCH_BYTES = 8 * 1_048_576
const MAX_WAIT_MS = 500
/** An acknowledgement waits for the fetch that is at its broker; so a fetch waits less while there may be one. */
const MAX_WAIT_WHILE_HOLDING_MS = 50
const EXPIRE_EVERY_MS = 1_000
const REFRESH_MS = { first: 50, most: 1_000 }

/** A member of a share group: locks records, hands them out, says what became of each. Any number of calls may run at once. */
export class ShareConsumer implements AsyncDisposable, AsyncIterable<ShareRecord> {
  readonly #options: ShareConsumerOptions
  readonly #cluster: Cluster
  readonly #membership: Membership
  readonly #member: Member
  readonly #demand = new Demand()
  readonly #sessions = new Map<number, ShareSession>()
  readonly #expiry: NodeJS.Timeout
  #assigned: readonly AssignedTopic[] = []
  #assignment: readonly TopicPartition[] = []
  #turn = 0
  #pumping = false
  #refreshing = false
  #refreshFailures = 0
  #stockTimer: NodeJS.Timeout | undefined
  #raised: ShareError | undefined
  #failure: ShareError | undefined
  #closed: Promise<void> | undefined

  /** Whether the brokers have share groups, and renewal. @throws ShareError UNAVAILABLE */
  static async isSupported(options: ClusterOptions): Promise<ShareSupport> {
    await using admin = new ShareAdmin(options)
    return await admin.support()
  }

  /**
   * Connects and joins the group. Records are asked for by {@link poll} alone.
   * @throws ShareError UNSUPPORTED | REFUSED | UNAVAILABLE, naming what to mend
   */
  static async open(options: ShareConsumerOptions): Promise<ShareConsumer> {
    const deadlineMs = Date.now() + (options.openTimeoutMs ?? 15_000)
    const cluster = new Cluster(options)
    try {
      const support = await askSupport(cluster)
      if (!support.supported) throw new ShareError('UNSUPPORTED', support.reason ?? '')
      const consumer = new ShareConsumer(options, cluster, support.version)
      await consumer.#membership.join(deadlineMs).catch((error: unknown) => {
        clearInterval(consumer.#expiry)
        throw error
      })
      return consumer
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  private constructor(options: ShareConsumerOptions, cluster: Cluster, version: 1 | 2) {
    const { groupId, topics, rackId } = options
    const memberId = newMemberId()
    const tell = (event: ShareConsumerEvent): void => options.observe?.(event)
    const failed = (error: ShareError): void => this.#fail(error)
    this.#options = options
    this.#cluster = cluster
    this.#membership = new Membership({
      ...{ groupId, memberId, topics, rackId, cluster, tell, failed },
      assigned: (assigned) => this.#assign(assigned),
    })
    this.#member = {
      ...{ groupId, memberId, version, cluster, tell, failed },
      stale: (known) => (known ? this.#route() : this.#refreshSoon()),
      ready: () => this.#pumpSoon(),
    }
    this.#expiry = setInterval(() => this.#expire(), EXPIRE_EVERY_MS).unref()
  }

  /** What this member is and holds. */
  get state(): ShareConsumerState {
    return {
      memberId: this.#member.memberId,
      memberEpoch: this.#membership.epoch,
      assignment: this.#assignment,
      held: this.#held(),
      waiting: this.#demand.stock,
    }
  }

  /**
   * Records as soon as there are any, an empty array when there are none in time. Each is locked for this member until it is
   * settled, or until `lockedUntil`.
   *
   * @throws ShareError CLOSED | REFUSED | UNSUPPORTED | UNREADABLE (once; the next poll goes on), or the signal's reason
   */
  async poll({ maxRecords = 100, waitMs = 500, signal }: PollOptions = {}): Promise<ShareRecord[]> {
    if (!(Number.isInteger(maxRecords) && maxRecords > 0)) throw new RangeError('maxRecords is a whole number above 0')
    if (!(waitMs >= 0)) throw new RangeError('waitMs is a number of milliseconds')
    signal?.throwIfAborted()
    if (this.#closed !== undefined) throw new ShareError('CLOSED', 'the consumer is closed')
    const error = this.#failure ?? this.#raised
    this.#raised = undefined
    if (error !== undefined) throw error
    const records = this.#demand.wait({ maxRecords, waitMs, signal })
    this.#pump()
    return records
  }

  /** One record after another, until the consumer is closed. What was locked ahead is released when the loop is left. */
  async *records({ prefetch = 1, signal }: RecordsOptions = {}): AsyncGenerator<ShareRecord, void, undefined> {
    const over = (): boolean => this.#closed !== undefined || signal?.aborted === true
    while (!over()) {
      const records = await this.poll({ maxRecords: prefetch, waitMs: 30_000, ...(signal && { signal }) }).catch((error: unknown) => {
        if (over()) return []
        throw error
      })
      let next = 0
      try {
        while (next < records.length && !over()) yield records[next++]!
      } finally {
        releaseAll(records.slice(next))
      }
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<ShareRecord, void, undefined> {
    return this.records()
  }

  /** Says what was settled, releases what is held, and leaves the group. Polls that wait resolve with nothing. Never throws. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const deadlineMs = Date.now() + (this.#options.closeTimeoutMs ?? 5_000)
    clearInterval(this.#expiry)
    clearTimeout(this.#stockTimer)
    this.#demand.end()
    await Promise.all([...this.#sessions.values()].map((session) => session.close(deadlineMs)))
    await Promise.race([this.#membership.leave(), sleep(Math.max(100, deadlineMs - Date.now()), undefined, { ref: false })])
    await this.#cluster.close()
  }

  #assign(assigned: readonly AssignedTopic[]): void {
    this.#assigned = assigned
    const unknown = assigned.some(({ topicId, partitions }) =>
      partitions.some((partition) => this.#cluster.leaderOf({ topicId, partition }) === undefined),
    )
    this.#route()
    if (unknown) this.#refreshSoon()
    const partitions = this.#assignment
    this.#member.tell({ type: 'assigned', partitions })
  }

  /** Gives each assigned partition to the session with its leader. */
  #route(): void {
    this.#assignment = this.#assigned.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => ({ topicId, topic: this.#cluster.nameOf(topicId) ?? topicId, partition })),
    )
    const byLeader = new Map<number, Map<string, TopicPartition>>()
    for (const partition of this.#assignment) {
      const leader = this.#cluster.leaderOf(partition)
      if (leader === undefined) continue
      const wanted = byLeader.get(leader) ?? new Map<string, TopicPartition>()
      byLeader.set(leader, wanted.set(keyOf(partition), partition))
    }
    for (const nodeId of byLeader.keys()) {
      if (!this.#sessions.has(nodeId)) this.#sessions.set(nodeId, new ShareSession(nodeId, this.#member))
    }
    for (const [nodeId, session] of this.#sessions) session.wanted = byLeader.get(nodeId) ?? new Map()
    this.#pumpSoon()
  }

  /** Looks up the leaders again, until each assigned partition has one. */
  #refreshSoon(): void {
    if (this.#closed !== undefined || this.#refreshing) return
    this.#refreshing = true
    void this.#refreshNow().finally(() => {
      this.#refreshing = false
      if (this.#assignment.some((partition) => this.#cluster.leaderOf(partition) === undefined)) this.#refreshSoon()
    })
  }

  async #refreshNow(): Promise<void> {
    try {
      if (this.#refreshFailures > 0)
        await sleep(Math.min(REFRESH_MS.most, REFRESH_MS.first * 2 ** this.#refreshFailures), undefined, { ref: false })
      await this.#cluster.refresh(this.#options.topics)
      const known = this.#assignment.every((partition) => this.#cluster.leaderOf(partition) !== undefined)
      this.#refreshFailures = known ? 0 : this.#refreshFailures + 1
    } catch (error) {
      this.#refreshFailures++
      this.#member.tell({ type: 'retry', what: 'metadata', error })
    }
    this.#route()
  }

  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  /** Asks idle brokers for what is wanted and has room: shared out among them, so that no more is locked than was asked for. */
  #pump(): void {
    if (this.#closed !== undefined || this.#failure !== undefined) return
    const all = [...this.#sessions.values()].filter(({ wanted }) => wanted.size > 0)
    const idle = all.filter((session) => session.idle)
    const held = this.#held()
    for (let left = idle.length; left > 0; left--) {
      const room = (this.#options.maxInFlight ?? 2_000) - held - this.#demand.asked
      const share = Math.ceil(Math.min(this.#demand.open, room) / left)
      if (share <= 0) return
      // Turn by turn, so that one record at a time does not always come from the same broker.
      const session = idle[this.#turn++ % idle.length]!
      if (!session.idle) continue
      this.#ask(session, share, all.length > 1 && this.#demand.open <= share)
    }
  }

  #ask(session: ShareSession, maxRecords: number, othersWait: boolean): void {
    const answer = this.#demand.ask(maxRecords)
    const most = othersWait || session.held > 0 ? MAX_WAIT_WHILE_HOLDING_MS : MAX_WAIT_MS
    const ask = { maxRecords, maxBytes: this.#options.maxFetchBytes ?? MAX_FETCH_BYTES, waitMs: Math.min(most, this.#demand.patienceMs) }
    void session.fetch(ask).then((records) => {
      answer(records)
      this.#watchStock()
      this.#pump()
    })
  }

  /** What came after its poll had ended goes to the next poll; when none comes, back to the group in good time. */
  #watchStock(): void {
    if (this.#demand.stock === 0 || this.#stockTimer !== undefined) return
    const [{ lockDurationMs } = { lockDurationMs: 0 }] = this.#demand.peek()
    this.#stockTimer = setTimeout(() => {
      this.#stockTimer = undefined
      releaseAll(this.#demand.takeStock())
    }, lockDurationMs / 3).unref()
  }

  #expire(): void {
    for (const [nodeId, session] of this.#sessions) {
      session.expire()
      if (session.wanted.size === 0 && session.quiet) this.#sessions.delete(nodeId)
    }
  }

  #held(): number {
    let held = 0
    for (const session of this.#sessions.values()) held += session.held
    return held
  }

  #fail(error: ShareError): void {
    if (error.code === 'UNREADABLE') this.#raised ??= error
    else this.#failure ??= error
    this.#demand.end(error)
  }
}

function releaseAll(records: readonly ShareRecord[]): void {
  // A lock that is gone needs no release.
  for (const record of records) if (record.state === 'held') record.release().catch(() => undefined)
}

/** 16 bytes in base64url, not starting with a dash, as the brokers' own ids. */
function newMemberId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
