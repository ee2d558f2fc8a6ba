import { createHash, randomUUID } from 'node:crypto'
import { type Clock, type DriverCall, type DriverJob, PortError, sleepInCall } from '@pdvend/ports'
import { decodeWith, encodeWith } from './letter.js'
import type { BucketStore, ClaimBook, Found } from './types.js'

/** Waits between two looks at another's claim, in milliseconds: the first, and the longest. */
const FIRST_LOOK_MS = 25
const LONGEST_LOOK_MS = 500
/** How often a confirmation is tried: the job is sent already. */
const MAX_CONFIRMS = 3

/** What the object of a dedupe key says. */
interface Claim {
  readonly id: string
  /** The key is free from then on, in milliseconds since the epoch. */
  readonly until: number
  /** Who wrote it: a lost answer is told from another's claim. */
  readonly by: string
  /** When it was written, in milliseconds since the epoch. */
  readonly at: number
  /** Until the job is known to be sent: what is needed to send it, with its payload after this line. */
  readonly job?: Omit<DriverJob, 'payload'>
}

/**
 * One object a key, `dedupe/<name>/<SHA-256 of the key>`, in two steps: claimed with the whole job in it, then, once that is sent,
 * confirmed without it. The store's conditional writes choose the first of many. Who finds a claim that stays unconfirmed for
 * `graceMs` takes it over and sends its job, so that a process which dies between the steps loses nothing; one that was only slow
 * may then have sent the same job as well: twice the same id, as at least once allows.
 */
export class Claims implements ClaimBook {
  constructor(
    private readonly store: BucketStore,
    private readonly clock: Clock,
    private readonly graceMs: number,
  ) {}

  async enqueue(job: DriverJob, send: (job: DriverJob) => Promise<void>, call: DriverCall): Promise<{ id: string; duplicate: boolean }> {
    const { key, windowMs } = job.dedupe!
    const object = `dedupe/${job.name}/${createHash('sha256').update(key).digest('hex')}`
    const by = randomUUID()
    const { payload, ...head } = job
    const mine = (): Uint8Array =>
      encodeWith({ id: job.id, until: job.enqueuedAt + windowMs, by, at: this.clock.now(), job: head } satisfies Claim, payload)
    let lookMs = FIRST_LOOK_MS
    let triedBefore = false
    let etag = await this.store.putIfAbsent(object, mine(), call)
    while (etag === undefined) {
      const found = await this.store.get(object, call)
      if (found === undefined) {
        etag = await this.store.putIfAbsent(object, mine(), call)
        continue
      }
      const theirs = decodeWith<Claim>(found.bytes)
      const claim = theirs.head
      if (claim.by === by) etag = found.etag
      else if (claim.until <= this.clock.now()) etag = await this.store.putIfMatch(object, mine(), found.etag, call)
      else if (claim.job === undefined) return { id: claim.id, duplicate: claim.id !== job.id }
      else if (claim.id === job.id) {
        // Its earlier try, whose outcome nobody knows.
        triedBefore = true
        etag = await this.store.putIfMatch(object, mine(), found.etag, call)
      } else if (claim.at + this.graceMs <= this.clock.now()) {
        if (await this.#finish(object, found, by, send, call)) return { id: claim.id, duplicate: true }
      } else {
        await sleepInCall(this.clock, lookMs, call.signal)
        lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS)
      }
    }
    try {
      await send(job)
    } catch (error) {
      if (!triedBefore && PortError.is(error) && error.outcome === 'not-applied') await this.#giveBack(object, etag, by, call)
      throw error
    }
    await this.#confirm(object, { id: job.id, until: job.enqueuedAt + windowMs, by, at: this.clock.now() }, etag, call)
    return { id: job.id, duplicate: false }
  }

  /** Sends the job of one who died, and confirms. False: another was faster. */
  async #finish(object: string, found: Found, by: string, send: (job: DriverJob) => Promise<void>, call: DriverCall): Promise<boolean> {
    const { head: claim, payload } = decodeWith<Claim>(found.bytes)
    const taken = { ...claim, by, at: this.clock.now() }
    const etag = await this.store.putIfMatch(object, encodeWith(taken, payload), found.etag, call)
    if (etag === undefined) return false
    await send({ ...claim.job!, payload })
    await this.#confirm(object, { id: claim.id, until: claim.until, by, at: this.clock.now() }, etag, call)
    return true
  }

  /**
   * The job is sent: that its claim could not be confirmed must not fail the enqueue. Then who asks next sends it once more. A claim
   * that is another's by now is confirmed by that one.
   */
  async #confirm(object: string, claim: Claim, etag: string, call: DriverCall): Promise<void> {
    for (let attempt = 1; attempt <= MAX_CONFIRMS && !call.signal.aborted; attempt++) {
      try {
        await this.store.putIfMatch(object, encodeWith(claim, new Uint8Array()), etag, call)
        return
      } catch (error) {
        if (!PortError.is(error) || !error.retryable) return
      }
    }
  }

  /** Leaves an expired claim, which needs no conditional delete of the store. What cannot be given back is finished by the next. */
  async #giveBack(object: string, etag: string, by: string, call: DriverCall): Promise<void> {
    const free: Claim = { id: '', until: 0, by, at: this.clock.now() }
    await this.store.putIfMatch(object, encodeWith(free, new Uint8Array()), etag, call).catch(() => undefined)
  }
}
