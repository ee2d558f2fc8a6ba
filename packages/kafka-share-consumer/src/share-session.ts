import type { Connection } from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { AcknowledgementQueue, hasRenewal, toTopics, type Acknowledgement, type Load } from './acknowledgements.js'
import { readAcquired } from './acquired-records.js'
import { call, type Cluster, type TopicPartition } from './cluster.js'
import { ShareError } from './errors.js'
import type { ShareConsumerEvent } from './events.js'
import { acknowledgeTypes, type LeaderHint, type NodeEndpoint } from './protocol/acknowledgement-batch.js'
import { codes, describeCode, isFatal, passes, saysStaleLeader } from './protocol/error-codes.js'
import { shareAcknowledge } from './protocol/share-acknowledge.js'
import { shareFetch, type FetchedPartition } from './protocol/share-fetch.js'
import { HeldRecord, lockLost, nameOf, type HeldPartition, type Verdict } from './record.js'
import { SessionEpoch, SessionReset } from './session-epoch.js'

/** Whose session it is, and whom to tell. */
export interface Member {
  readonly groupId: string
  readonly memberId: string
  /** Of ShareFetch and ShareAcknowledge. */
  readonly version: 1 | 2
  readonly cluster: Cluster
  /** A broker says that it does not lead a partition; `known`: it said who does. */
  stale(known: boolean): void
  /** There is room for more records, or this broker may be asked again. */
  ready(): void
  /** Waiting does not help. */
  failed(error: ShareError): void
  tell(event: ShareConsumerEvent): void
}

export interface Ask {
  readonly maxRecords: number
  readonly maxBytes: number
  readonly waitMs: number
}

/** The end of a lock is an estimate; it is taken for sure only this long after it. */
const EXPIRY_SLACK_MS = 1_000
const MAX_ATTEMPTS = 8
const BACKOFF_MS = { first: 25, most: 1_000 }
/** A broker that answers a fetch which may wait with nothing, at once, is not asked again before this. */
const PAUSE_MS = 20
const NOTHING: ReadonlyMap<string, TopicPartition> = new Map()

/** One member's dealings with one broker: what it fetches there, what it holds of it, what it says about that. */
export class ShareSession {
  readonly nodeId: number
  /** The assigned partitions that this broker leads, by {@link keyOf}. */
  wanted: ReadonlyMap<string, TopicPartition> = NOTHING
  readonly #member: Member
  readonly #epoch = new SessionEpoch()
  readonly #queue = new AcknowledgementQueue()
  readonly #partitions = new Map<string, HeldPartition>()
  #fetched = { life: 0, partitions: NOTHING }
  #connection: Connection | undefined
  #busy = false
  #flush: NodeJS.Immediate | undefined
  #failures = 0
  #notBeforeMs = 0
  #lockDurationMs = 0
  #closing = false

  constructor(nodeId: number, member: Member) {
    this.nodeId = nodeId
    this.#member = member
  }

  /** A request is on its way: the only one, see {@link SessionEpoch}. */
  get busy(): boolean {
    return this.#busy
  }

  /** May be asked for records now. */
  get idle(): boolean {
    return !this.#busy && !this.#closing && this.wanted.size > 0 && Date.now() >= this.#notBeforeMs
  }

  /** Nothing is held, said or asked here. */
  get quiet(): boolean {
    return this.held === 0 && this.#queue.size === 0 && !this.#busy
  }

  /** Records that are neither settled nor lost. */
  get held(): number {
    let held = 0
    for (const { records } of this.#partitions.values()) held += records.size
    return held
  }

  /** What the broker gives within the time, with what waits to be acknowledged on board. Never throws: what failed is tried again later. */
  fetch(ask: Ask): Promise<HeldRecord[]> {
    return this.#inTurn('fetch', [], async (connection) => {
      if (this.#queue.needsRequest((held) => this.#isFetched(keyOf(held)))) await this.#acknowledge(connection)
      return this.#fetch(connection, ask)
    })
  }

  readonly settle = (record: HeldRecord, verdict: Verdict): Promise<void> => {
    if (verdict === 'renew' && this.#member.version < 2) {
      return Promise.reject(new ShareError('UNSUPPORTED', 'these brokers cannot renew a lock: that takes Kafka 4.2'))
    }
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => (error === undefined ? resolve() : reject(error))
      this.#say(record.held, record.offsetNumber, acknowledgeTypes[verdict], done, record)
    })
  }

  /** Forgets the records whose lock ran out long ago: their holder has forgotten them too, or will be told. */
  expire(): void {
    const before = Date.now() - EXPIRY_SLACK_MS
    let expired = 0
    for (const { records } of this.#partitions.values()) {
      for (const record of records.values()) {
        if (record.state !== 'held' || record.lockedUntilMs > before) continue
        lose(record)
        expired++
      }
    }
    if (expired > 0) this.#member.ready()
  }

  /** Says what waits, releases what is held, ends the session. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true
    while (this.#busy && Date.now() < deadlineMs) await sleep(2)
    for (const { records } of this.#partitions.values()) {
      // What the broker makes of it changes nothing any more: a lock that stays ends by itself.
      for (const record of records.values()) if (record.state === 'held') record.release().catch(() => undefined)
    }
    while ((this.#queue.size > 0 || this.#busy) && Date.now() < deadlineMs) await sleep(2)
    const connection = this.#connection
    if (this.#epoch.open && !this.#busy && connection !== undefined) await this.#end(connection).catch(() => undefined)
    connection?.removeListener('close', this.#onClose)
    this.#lose('the consumer is closed')
  }

  /** Runs one exchange with the broker, and what waits to be acknowledged after it. */
  async #inTurn<Result>(what: string, otherwise: Result, run: (connection: Connection) => Promise<Result>): Promise<Result> {
    this.#busy = true
    try {
      return await run(await this.#connect())
    } catch (error) {
      this.#backOff(what, error)
      return otherwise
    } finally {
      this.#busy = false
      this.#flushSoon()
    }
  }

  async #fetch(connection: Connection, ask: Ask): Promise<HeldRecord[]> {
    const opening = !this.#epoch.open
    const before = this.#fetched.life === this.#epoch.life ? this.#fetched.partitions : NOTHING
    const wanted = this.wanted
    const joining = [...wanted].flatMap(([key, partition]) => (before.has(key) ? [] : [partition]))
    const leaving = [...before].flatMap(([key, partition]) => (wanted.has(key) ? [] : [partition]))
    const mayCarry = !opening && !this.#queue.needsRequest((held) => this.#isFetched(keyOf(held)))
    const load: Load = mayCarry ? this.#queue.take() : new Map()
    // Whoever waits for the outcome of an acknowledgement on board wants an answer at once.
    const maxWaitMs = opening || load.size > 0 ? 0 : ask.waitMs
    this.#fetched = { life: this.#epoch.life, partitions: wanted }
    const sentMs = Date.now()
    const answer = await this.#exchange(load, (shareSessionEpoch) =>
      call(connection, shareFetch[this.#member.version], {
        groupId: this.#member.groupId,
        memberId: this.#member.memberId,
        shareSessionEpoch,
        maxWaitMs,
        minBytes: 1,
        maxBytes: ask.maxBytes,
        maxRecords: ask.maxRecords,
        topics: toTopics(load, joining),
        forgotten: leaving.map(({ topicId, partition }) => ({ topicId, partitions: [partition] })),
      }),
    )
    this.#lockDurationMs = answer.acquisitionLockTimeoutMs
    const outcome = new Map(answer.partitions.map((each) => [keyOf(each), each.acknowledgeErrorCode]))
    const passing = this.#conclude(load, outcome, sentMs) ?? this.#heed(answer.partitions, answer.nodeEndpoints)
    const records = answer.partitions.flatMap((partition) => this.#hold(partition))
    if (passing !== undefined) this.#backOff('fetch', new ShareError('UNAVAILABLE', describeCode(passing)))
    else this.#failures = 0
    const tookMs = Date.now() - sentMs
    if (records.length === 0 && maxWaitMs > PAUSE_MS && tookMs < PAUSE_MS) this.#pause(PAUSE_MS)
    return records
  }

  async #acknowledge(connection: Connection): Promise<void> {
    if (!this.#epoch.open) await this.#open(connection)
    const load = this.#queue.take()
    if (load.size === 0) return
    const sentMs = Date.now()
    const answer = await this.#exchange(load, (shareSessionEpoch) =>
      call(connection, shareAcknowledge[this.#member.version], {
        groupId: this.#member.groupId,
        memberId: this.#member.memberId,
        shareSessionEpoch,
        isRenewAck: hasRenewal(load),
        topics: toTopics(load),
      }),
    )
    if (answer.acquisitionLockTimeoutMs > 0) this.#lockDurationMs = answer.acquisitionLockTimeoutMs
    this.#heed(answer.partitions, answer.nodeEndpoints)
    const passing = this.#conclude(load, new Map(answer.partitions.map((each) => [keyOf(each), each.errorCode])), sentMs)
    if (passing !== undefined) throw new ShareError('UNAVAILABLE', describeCode(passing))
    this.#failures = 0
  }

  /** A session for acknowledgements alone: it may not start with any, so it starts with a fetch of nothing. */
  async #open(connection: Connection): Promise<void> {
    const { groupId, memberId, version } = this.#member
    const nothing = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, maxRecords: 0, topics: [], forgotten: [] }
    this.#fetched = { life: this.#epoch.life, partitions: NOTHING }
    await this.#exchange(new Map(), (shareSessionEpoch) =>
      call(connection, shareFetch[version], { groupId, memberId, shareSessionEpoch, ...nothing }),
    )
  }

  async #end(connection: Connection): Promise<void> {
    const { groupId, memberId, version } = this.#member
    await call(connection, shareAcknowledge[version], { groupId, memberId, shareSessionEpoch: -1, isRenewAck: false, topics: [] })
  }

  async #exchange<Answer extends { readonly errorCode: number; readonly errorMessage: string | null }>(
    load: Load,
    send: (epoch: number) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await this.#epoch.exchange(send)
    } catch (error) {
      if (error instanceof SessionReset) this.#member.tell({ type: 'session-reset', nodeId: this.nodeId, reason: error.message })
      for (const acknowledgement of [...load.values()].flat()) this.#takeBack(acknowledgement, error)
      throw error
    }
  }

  /** After a request as a whole failed: what the broker refused unread is said again; what may have been applied is not known. */
  #takeBack(acknowledgement: Acknowledgement, error: unknown): void {
    const { record, type, attempts } = acknowledgement
    if (error instanceof ShareError && error.code === 'REFUSED') this.#refuse(acknowledgement, error)
    else if (!(error instanceof SessionReset || error instanceof ShareError)) {
      // With the connection, every lock is gone, renewed or not.
      this.#fail(acknowledgement, type === acknowledgeTypes.renew ? 'LOCK_LOST' : 'OUTCOME_UNKNOWN', error)
    } else if (record?.state === 'lost' || attempts >= MAX_ATTEMPTS) this.#fail(acknowledgement, 'LOCK_LOST', error)
    else this.#queue.add({ ...acknowledgement, attempts: attempts + 1 })
  }

  /** Tells each acknowledgement of a request what became of it; returns a code that passes, where there is one. */
  #conclude(load: Load, outcome: ReadonlyMap<string, number>, sentMs: number): number | undefined {
    let passing: number | undefined
    for (const [held, acknowledgements] of load) {
      const code = outcome.get(keyOf(held)) ?? codes.UNKNOWN_SERVER_ERROR
      if (code === codes.INVALID_RECORD_STATE && acknowledgements.length > 1) this.#queue.halve(acknowledgements)
      else if (passes(code)) {
        passing = code
        for (const each of acknowledgements) this.#tryAgain(each, code)
      } else for (const each of acknowledgements) this.#concludeOne(each, code, sentMs)
    }
    if (load.size > 0) this.#member.ready()
    return passing
  }

  #concludeOne(acknowledgement: Acknowledgement, code: number, sentMs: number): void {
    const { record, type, uncertain, done } = acknowledgement
    if (code === codes.NONE) {
      if (record !== undefined && type === acknowledgeTypes.renew) {
        record.lockDurationMs = this.#lockDurationMs
        record.lockedUntilMs = sentMs + this.#lockDurationMs
      } else if (record !== undefined) {
        record.state = 'settled'
        remove(record)
      }
      return done()
    }
    const lost = uncertain ? 'OUTCOME_UNKNOWN' : 'LOCK_LOST'
    if (code === codes.INVALID_RECORD_STATE || saysStaleLeader(code)) this.#fail(acknowledgement, lost, describeCode(code))
    else this.#refuse(acknowledgement, new ShareError('REFUSED', `the broker refuses: ${describeCode(code)}`))
  }

  #tryAgain(acknowledgement: Acknowledgement, code: number): void {
    const { record, attempts } = acknowledgement
    const tooLate = record === undefined || record.state === 'lost' || Date.now() > record.lockedUntilMs + EXPIRY_SLACK_MS
    if (tooLate || attempts >= MAX_ATTEMPTS) this.#fail(acknowledgement, 'OUTCOME_UNKNOWN', describeCode(code))
    // The state may have been written after all, and only the news of it lost between the brokers.
    else this.#queue.add({ ...acknowledgement, attempts: attempts + 1, uncertain: true })
  }

  #fail({ record, done }: Acknowledgement, code: 'LOCK_LOST' | 'OUTCOME_UNKNOWN', cause: unknown): void {
    if (record === undefined) return done()
    lose(record)
    const unknown = `what was said of ${nameOf(record)} may have been applied; if not, the record comes again`
    done(code === 'LOCK_LOST' ? lockLost(record, cause) : new ShareError('OUTCOME_UNKNOWN', unknown, cause))
  }

  /** The lock stays, so another verdict may be tried. */
  #refuse({ record, done }: Acknowledgement, error: ShareError): void {
    if (record?.state === 'settling') record.state = 'held'
    done(error)
  }

  /** What the partitions' codes ask for; returns one that is worth a pause. */
  #heed(partitions: readonly Heeded[], endpoints: readonly NodeEndpoint[]): number | undefined {
    let passing: number | undefined
    for (const partition of partitions) {
      const { errorCode, errorMessage, currentLeader } = partition
      if (errorCode === codes.NONE || errorCode === codes.INVALID_RECORD_STATE) continue
      if (saysStaleLeader(errorCode)) this.#member.stale(this.#member.cluster.learn(partition, currentLeader, endpoints))
      if (isFatal(errorCode)) this.#member.failed(new ShareError('REFUSED', describeCode(errorCode, errorMessage)))
      passing = errorCode
    }
    return passing
  }

  #hold(fetched: FetchedPartition): HeldRecord[] {
    if (fetched.acquired.length === 0) return []
    const held = this.#partitionOf(fetched)
    const { records, gaps, unread, failure } = readAcquired(fetched)
    if (failure !== undefined) {
      const error = new ShareError('UNREADABLE', `${unread.length} records of ${held.topic}[${held.partition}] cannot be read`, failure)
      this.#member.failed(error)
    }
    for (const offset of gaps) this.#say(held, offset, acknowledgeTypes.gap, () => undefined)
    for (const offset of unread) this.#say(held, offset, acknowledgeTypes.release, () => undefined)
    const lock = { durationMs: this.#lockDurationMs, untilMs: Date.now() + this.#lockDurationMs }
    return records.map((acquired) => {
      // Its earlier lock ran out; who still holds that must not end this one by it.
      const earlier = held.records.get(acquired.offset)
      if (earlier !== undefined) lose(earlier)
      const record = new HeldRecord(held, acquired, lock, this.settle)
      held.records.set(acquired.offset, record)
      return record
    })
  }

  #partitionOf({ topicId, partition }: FetchedPartition): HeldPartition {
    const key = keyOf({ topicId, partition })
    let held = this.#partitions.get(key)
    if (held === undefined) {
      held = { topicId, topic: this.#member.cluster.nameOf(topicId) ?? topicId, partition, records: new Map() }
      this.#partitions.set(key, held)
    }
    return held
  }

  #say(held: HeldPartition, offset: number, type: number, done: (error?: Error) => void, record?: HeldRecord): void {
    this.#queue.add({ held, offset, type, record, attempts: 0, uncertain: false, done })
    this.#flushSoon()
  }

  /** At the end of the tick, so that what is settled together goes together, and with a fetch where one is asked for. */
  #flushSoon(): void {
    if (this.#queue.size === 0 || this.#flush !== undefined) return
    this.#flush = setImmediate(() => {
      this.#flush = undefined
      if (!this.#busy && this.#queue.size > 0) void this.#acknowledgeInTurn()
    })
  }

  async #acknowledgeInTurn(): Promise<void> {
    const failures = this.#failures
    await this.#inTurn('acknowledge', undefined, async (connection) => {
      const pauseMs = this.#notBeforeMs - Date.now()
      if (failures > 0 && pauseMs > 0) await sleep(pauseMs)
      await this.#acknowledge(connection)
    })
    this.#member.ready()
  }

  #isFetched(key: string): boolean {
    return this.#fetched.life === this.#epoch.life && this.#fetched.partitions.has(key) && this.wanted.has(key)
  }

  async #connect(): Promise<Connection> {
    const connection = await this.#member.cluster.fetchConnection(this.nodeId)
    if (connection !== this.#connection) {
      this.#connection = connection
      connection.once('close', this.#onClose)
    }
    return connection
  }

  readonly #onClose = (): void => {
    this.#connection = undefined
    this.#lose('the connection broke')
    this.#member.stale(false)
  }

  /** The broker has ended every lock of this session, or will as soon as it sees that the connection is gone. */
  #lose(reason: string): void {
    this.#epoch.reset()
    let count = 0
    for (const { records } of this.#partitions.values()) {
      for (const record of records.values()) {
        lose(record)
        count++
      }
    }
    for (const acknowledgement of this.#queue.drain()) this.#fail(acknowledgement, 'LOCK_LOST', reason)
    if (count > 0) this.#member.tell({ type: 'locks-lost', nodeId: this.nodeId, count, reason })
  }

  #backOff(what: string, error: unknown): void {
    this.#pause(Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** this.#failures++))
    this.#member.tell({ type: 'retry', what: `${what} at broker ${this.nodeId}`, error })
    if (error instanceof ShareError && error.code === 'REFUSED') this.#member.failed(error)
    else if (!(error instanceof ShareError || error instanceof SessionReset)) this.#member.stale(false)
  }

  #pause(forMs: number): void {
    this.#notBeforeMs = Date.now() + forMs
    setTimeout(() => this.#member.ready(), forMs + 1).unref()
  }
}

interface Heeded {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly currentLeader: LeaderHint
}

export function keyOf({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
  return `${topicId}:${partition}`
}

function lose(record: HeldRecord): void {
  record.state = 'lost'
  remove(record)
}

/** Unless the offset was acquired again. */
function remove(record: HeldRecord): void {
  const { records } = record.held
  if (records.get(record.offsetNumber) === record) records.delete(record.offsetNumber)
}
