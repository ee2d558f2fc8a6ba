import { setTimeout as sleep } from 'node:timers/promises'
import { call, type Cluster } from './cluster.js'
import { ShareError } from './errors.js'
import type { ShareConsumerEvent } from './events.js'
import { codes, describeCode, isFatal } from './protocol/error-codes.js'
import { shareGroupHeartbeat, type AssignedTopic, type ShareGroupHeartbeatResponse } from './protocol/share-group-heartbeat.js'

export interface MembershipOptions {
  readonly groupId: string
  /** 16 bytes in base64url, as the brokers ask; kept through every rejoin, so that locks stay ours. */
  readonly memberId: string
  readonly topics: readonly string[]
  readonly rackId: string | undefined
  readonly cluster: Cluster
  assigned(topics: readonly AssignedTopic[]): void
  failed(error: ShareError): void
  tell(event: ShareConsumerEvent): void
}

const JOIN = 0
const LEAVE = -1
const BACKOFF_MS = { first: 50, most: 1_000 }
/** The coordinator assigns after it has answered: until the first assignment a member asks more often than it has to. */
const IMPATIENT_MS = [20, 40, 80, 160, 320, 640]

/** A member's standing with the group's coordinator, kept by heartbeats at the interval that the coordinator dictates. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #stop = new AbortController()
  #epoch = JOIN
  #announced = false
  #assigned = false
  #impatience = 0
  #failures = 0
  #beating: Promise<void> = Promise.resolve()

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** 0 while this member is not in the group. */
  get epoch(): number {
    return this.#epoch
  }

  /**
   * Joins; then heartbeats go on by themselves.
   * @throws ShareError REFUSED | UNSUPPORTED | UNAVAILABLE when that does not succeed by `deadlineMs`
   */
  async join(deadlineMs: number): Promise<void> {
    for (;;) {
      const outcome = await this.#beat()
      if (typeof outcome === 'number') {
        this.#beating = this.#beatOn(outcome)
        return
      }
      if (outcome.code !== 'UNAVAILABLE' || Date.now() >= deadlineMs) throw outcome
      await sleep(this.#backOff())
    }
  }

  /** Tells the coordinator, so that others need not wait for the session to run out. */
  async leave(): Promise<void> {
    this.#stop.abort()
    await this.#beating
    if (this.#epoch === JOIN) return
    await this.#send(LEAVE).catch((error: unknown) => this.#options.tell({ type: 'retry', what: 'leave', error }))
    this.#epoch = JOIN
  }

  async #beatOn(firstMs: number): Promise<void> {
    const { signal } = this.#stop
    for (let waitMs = firstMs; ;) {
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      const outcome = await this.#beat()
      if (typeof outcome === 'number') waitMs = outcome
      else if (outcome.code === 'UNAVAILABLE') waitMs = this.#backOff()
      else return this.#options.failed(outcome)
    }
  }

  /** The milliseconds until the next heartbeat is due, or what went wrong. */
  async #beat(): Promise<number | ShareError> {
    try {
      return this.#heed(await this.#send(this.#epoch))
    } catch (error) {
      this.#options.cluster.forgetCoordinator()
      if (error instanceof ShareError) return error
      return new ShareError('UNAVAILABLE', `the coordinator of group "${this.#options.groupId}" does not answer`, error)
    }
  }

  async #send(memberEpoch: number): Promise<ShareGroupHeartbeatResponse> {
    const { cluster, groupId, memberId, topics, rackId } = this.#options
    const connection = await cluster.coordinator(groupId)
    const news = memberEpoch === JOIN || (memberEpoch > JOIN && !this.#announced)
    return call(connection, shareGroupHeartbeat, {
      groupId,
      memberId,
      memberEpoch,
      rackId: news ? (rackId ?? null) : null,
      subscribedTopicNames: news ? topics : null,
    })
  }

  #heed(answer: ShareGroupHeartbeatResponse): number | ShareError {
    const { errorCode, errorMessage, memberEpoch, heartbeatIntervalMs, assignment } = answer
    switch (errorCode) {
      case codes.NONE:
        break
      case codes.UNKNOWN_MEMBER_ID:
      case codes.FENCED_MEMBER_EPOCH:
      case codes.GROUP_ID_NOT_FOUND:
        this.#options.tell({ type: 'fenced', reason: describeCode(errorCode, errorMessage) })
        this.#rejoin()
        return 0
      default:
        return this.#refusal(errorCode, errorMessage)
    }
    if (this.#epoch === JOIN) this.#options.tell({ type: 'joined', memberEpoch })
    this.#epoch = memberEpoch
    this.#announced = true
    this.#failures = 0
    if (assignment !== null) {
      this.#assigned = assignment.length > 0
      this.#options.assigned(assignment)
    }
    if (this.#assigned) return heartbeatIntervalMs
    return Math.min(heartbeatIntervalMs, IMPATIENT_MS[this.#impatience++] ?? heartbeatIntervalMs)
  }

  /** Under the same id and with the same locks, which the leaders of the partitions keep apart from the group. */
  #rejoin(): void {
    this.#epoch = JOIN
    this.#announced = this.#assigned = false
    this.#impatience = 0
    this.#options.assigned([])
  }

  #refusal(code: number, message: string | null): ShareError {
    const { groupId, cluster } = this.#options
    if (code === codes.NOT_COORDINATOR || code === codes.COORDINATOR_NOT_AVAILABLE) cluster.forgetCoordinator()
    const text = `share group "${groupId}": ${describeCode(code, message)}`
    if (code === codes.UNSUPPORTED_VERSION) return new ShareError('UNSUPPORTED', text)
    return new ShareError(isFatal(code) ? 'REFUSED' : 'UNAVAILABLE', text)
  }

  #backOff(): number {
    const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** this.#failures++)
    return most / 2 + (Math.random() * most) / 2
  }
}
