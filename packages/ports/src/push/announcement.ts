import type { OfflineReason } from './types.js'

/**
 * What a device says of its own connection on its presence topic, for engines that do not tell who is there: retained, and
 * left with the engine as the connection's will. JSON, so that the two ends may be of different ages.
 */
export interface Announcement {
  readonly state: 'online' | 'offline'
  /** See {@link ConnectionVersions}. */
  readonly version: number
  /** Milliseconds since the epoch, the app's clock as far as the device knows it; of a will: when the connection began. */
  readonly at: number
  readonly reason?: OfflineReason
  /** Which of the clients that may connect as this device it is. */
  readonly client: string
  /** User name of the credentials that the connection was made with. */
  readonly username: string
  /** It leaves to come back with other credentials; not back within so many milliseconds, it is lost. */
  readonly backWithinMs?: number
}

/** Versions that one connection may use: it begins at a multiple, says it is there with those after, and ends with the last. */
const VERSIONS_PER_CONNECTION = 1_000
const MAX_BYTES = 1_024

/** The version that ends the connection to which `version` belongs: greater than all that it said before, less than the next one's. */
export function lastVersion(version: number): number {
  return version - (version % VERSIONS_PER_CONNECTION) + VERSIONS_PER_CONNECTION - 1
}

/** Versions of a device's presence: each connection's are greater than the former one's, across clients as far as clocks agree. */
export class ConnectionVersions {
  #base = 0
  #said = 0

  /** A connection begins. `now` is the app's time in milliseconds. */
  begin(now: number): void {
    this.#base = Math.max(Math.floor(now) * VERSIONS_PER_CONNECTION, this.#base + VERSIONS_PER_CONNECTION)
    this.#said = 0
  }

  /** Said once more: greater than before. */
  next(): number {
    this.#said = Math.min(this.#said + 1, VERSIONS_PER_CONNECTION - 2)
    return this.#base + this.#said
  }

  get last(): number {
    return lastVersion(this.#base)
  }
}

export function encodeAnnouncement(announcement: Announcement): string {
  return JSON.stringify(announcement)
}

/** Undefined for what is none: a device may be hostile, and what it wrote is retained. */
export function decodeAnnouncement(bytes: Uint8Array): Announcement | undefined {
  if (bytes.byteLength > MAX_BYTES) return undefined
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Announcement> | null
    const { state, version, at, reason, client, username, backWithinMs } = value ?? {}
    if ((state !== 'online' && state !== 'offline') || !Number.isSafeInteger(version) || version! < 0) return undefined
    if (!isTime(at) || typeof client !== 'string' || typeof username !== 'string') return undefined
    const why = REASONS.find((known) => known === reason)
    const back = isTime(backWithinMs) && backWithinMs <= MAX_BACK_MS ? { backWithinMs } : {}
    return { state, version: version!, at, client, username, ...(why && { reason: why }), ...back }
  } catch {
    return undefined
  }
}

const REASONS: readonly OfflineReason[] = ['closed', 'lost', 'takenOver', 'revoked', 'expired', 'unknown']
const MAX_BACK_MS = 300_000
/** The last moment that a Date can hold. */
const MAX_TIME = 8.64e15

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIME
}
