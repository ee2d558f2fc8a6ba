import type { KafkaRecord } from '@platformatic/kafka'
import type { AcquiredRecord } from './acquired-records.js'
import { ShareError } from './errors.js'

/** `renew` starts the lock anew; the other three end it. */
export type Verdict = 'accept' | 'release' | 'reject' | 'renew'

/** A record that is locked for this member until it is settled or the lock runs out. */
export interface ShareRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds since the epoch: of its producer, or of its append where the topic says so. */
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly ShareHeader[]
  /** 1 on the first delivery. Counted by the broker at each acquisition, whatever ended the one before. */
  readonly deliveryCount: number
  /** How long an acquisition or a renewal lasts, in milliseconds: the group's `share.record.lock.duration.ms`. */
  readonly lockDurationMs: number
  /** When the lock ends unless it is renewed, by this machine's clock; not exact to the time that an answer travels. */
  readonly lockedUntil: Date
  /** `held` and `settling` count against `maxInFlight`. */
  readonly state: 'held' | 'settling' | 'settled' | 'lost'
  /**
   * Done: the group never gets this record again. Resolves when the broker has it on disk.
   * @throws ShareError LOCK_LOST | OUTCOME_UNKNOWN | ALREADY_SETTLED | REFUSED
   */
  accept(): Promise<void>
  /** Back to the group at once; its next delivery has a higher count. Throws as {@link accept}. */
  release(): Promise<void>
  /** Never again, and not done: from Kafka 4.4 on, the group's dead letter topic gets it where one is set. Throws as {@link accept}. */
  reject(): Promise<void>
  /** Starts the lock anew. @throws ShareError UNSUPPORTED before Kafka 4.2; else as {@link accept} */
  renew(): Promise<void>
}

export interface ShareHeader {
  readonly key: string
  readonly value: Buffer | null
}

/** The records of one partition that one share session holds. */
export interface HeldPartition {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly records: Map<number, HeldRecord>
}

export type Settle = (record: HeldRecord, verdict: Verdict) => Promise<void>

export class HeldRecord implements ShareRecord {
  readonly held: HeldPartition
  readonly offsetNumber: number
  readonly timestampMs: number
  readonly deliveryCount: number
  lockDurationMs: number
  lockedUntilMs: number
  state: 'held' | 'settling' | 'settled' | 'lost' = 'held'
  readonly #record: KafkaRecord
  readonly #settle: Settle

  constructor(
    held: HeldPartition,
    { record, offset, timestampMs, deliveryCount }: AcquiredRecord,
    lock: { readonly durationMs: number; readonly untilMs: number },
    settle: Settle,
  ) {
    this.held = held
    this.#record = record
    this.offsetNumber = offset
    this.timestampMs = timestampMs
    this.deliveryCount = deliveryCount
    this.lockDurationMs = lock.durationMs
    this.lockedUntilMs = lock.untilMs
    this.#settle = settle
  }

  get topic(): string {
    return this.held.topic
  }

  get partition(): number {
    return this.held.partition
  }

  get offset(): bigint {
    return BigInt(this.offsetNumber)
  }

  get key(): Buffer | null {
    return this.#record.key
  }

  get value(): Buffer | null {
    return this.#record.value
  }

  get headers(): readonly ShareHeader[] {
    return this.#record.headers.map(([key, value]) => ({ key: key?.toString() ?? '', value }))
  }

  get lockedUntil(): Date {
    return new Date(this.lockedUntilMs)
  }

  accept(): Promise<void> {
    return this.#end('accept')
  }

  release(): Promise<void> {
    return this.#end('release')
  }

  reject(): Promise<void> {
    return this.#end('reject')
  }

  renew(): Promise<void> {
    return this.state === 'held' ? this.#settle(this, 'renew') : Promise.reject(this.#refusal())
  }

  #end(verdict: Verdict): Promise<void> {
    if (this.state !== 'held') return Promise.reject(this.#refusal())
    this.state = 'settling'
    return this.#settle(this, verdict)
  }

  #refusal(): ShareError {
    return this.state === 'lost' ? lockLost(this) : new ShareError('ALREADY_SETTLED', `${nameOf(this)} was settled before`)
  }
}

export function lockLost(record: HeldRecord, cause?: unknown): ShareError {
  return new ShareError('LOCK_LOST', `the lock on ${nameOf(record)} is gone: the record comes again`, cause)
}

/** `topic[3]@1042` */
export function nameOf({ topic, partition, offsetNumber }: HeldRecord): string {
  return `${topic}[${partition}]@${offsetNumber}`
}
