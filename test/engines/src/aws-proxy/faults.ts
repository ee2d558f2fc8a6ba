/** What the proxy can do to a request, switched on and off while it runs. */
export const faultKinds = [
  /** Refused as too fast: S3 SlowDown, SQS RequestThrottled, Firehose ServiceUnavailableException, IoT ThrottlingException. */
  'throttle',
  /** 500, nothing done. */
  'internalError',
  /** 503, nothing done. */
  'unavailable',
  /** The connection is reset before the request reached the service. */
  'reset',
  /** The request is carried out, and its answer lost. */
  'lostReply',
  /** No answer at all, and the connection stays. */
  'blackHole',
  /** The body of the answer comes slowly; at `heavy` it stops half way. */
  'slowBody',
  /** The body of the answer breaks off half way. */
  'cutBody',
  /** One bit of the answer's body is another; bodies of S3 objects alone, for nothing else carries a checksum. */
  'flippedBit',
  /** The service's clock is ahead: 4 minutes, 20 minutes, 3 hours. What is signed 15 minutes beside it is refused. */
  'clockSkew',
  /** Some entries of a batch fail, the others are carried out. */
  'partialFailure',
  /** The session token is refused as expired. */
  'expiredToken',
  /** The policy of the credentials does not allow it. */
  'denied',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** What a call may end with while the service is away, slow or refuses for a while. */
const OUTAGE = ['UNAVAILABLE', 'RATE_LIMITED', 'DEADLINE_EXCEEDED', 'CANCELED'] as const

/** The codes of errors that a port may give while a fault is on; every other one hides what has happened. */
export function codesUnder(kind: FaultKind): readonly ((typeof OUTAGE)[number] | 'INTEGRITY_FAILED' | 'PERMISSION_DENIED')[] {
  if (kind === 'flippedBit') return [...OUTAGE, 'INTEGRITY_FAILED']
  return kind === 'denied' ? [...OUTAGE, 'PERMISSION_DENIED'] : OUTAGE
}

export const strengths = ['light', 'medium', 'heavy'] as const
export type Strength = (typeof strengths)[number]

export interface Fault {
  readonly kind: FaultKind
  readonly strength: Strength
}

/** Share of the requests, or of a batch's entries, that a fault meets. */
const SHARES: Readonly<Record<Strength, number>> = { light: 0.1, medium: 0.4, heavy: 1 }

const SKEWS_MS: Readonly<Record<Strength, number>> = { light: 240_000, medium: 1_200_000, heavy: 10_800_000 }

/** Bytes a second of a slow body; `heavy` stands still after its first half. */
const SPEEDS: Readonly<Record<Strength, number>> = { light: 4_194_304, medium: 524_288, heavy: 0 }

/** The faults that are on. The same seed and the same requests give the same faults. */
export class Faults {
  #on = new Map<FaultKind, Strength>()
  #state: number
  readonly #hits = new Map<FaultKind, number>()

  constructor(seed = 1) {
    this.#state = seed >>> 0 || 1
  }

  set(faults: readonly Fault[]): void {
    this.#on = new Map(faults.map(({ kind, strength }) => [kind, strength]))
  }

  /** Does this request, or this entry, meet the fault? Counts where it does. */
  strikes(kind: FaultKind): Strength | undefined {
    const strength = this.#on.get(kind)
    if (strength === undefined || this.#random() >= SHARES[strength]) return undefined
    this.#hits.set(kind, (this.#hits.get(kind) ?? 0) + 1)
    return strength
  }

  /** How far the service's clock is ahead, in milliseconds. */
  get skewMs(): number {
    const strength = this.#on.get('clockSkew')
    return strength === undefined ? 0 : SKEWS_MS[strength]
  }

  bytesPerSecond(strength: Strength): number {
    return SPEEDS[strength]
  }

  /** How often each fault has struck. */
  get hits(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries(this.#hits)
  }

  /** mulberry32 */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
