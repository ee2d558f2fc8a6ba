import { PortError } from '@pdvend/ports'
import type { DeadLetters } from './dead-letters.js'
import type { ResolvedOptions } from './options.js'
import type { Segment } from './segment.js'

/** How long to leave a disk alone that has just refused a write. */
const RETRY_MS = 250

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: PortError) => void
}

/**
 * Brings what is in memory to the disk in groups: one write for all that came within `writeEveryMs`, one fsync for all
 * that wait in a tick. A disk that refuses is tried again; meanwhile everything stays in memory.
 */
export class Writer {
  /** Why the disk refused last; undefined when it did not. */
  fault: NodeJS.ErrnoException | undefined
  readonly #dirty = new Set<Segment>()
  #waiting: Waiter[] = []
  #writeTimer: ReturnType<typeof setTimeout> | undefined
  #syncTimer: ReturnType<typeof setTimeout> | undefined
  #syncing: Promise<void> | undefined

  constructor(
    private readonly segments: () => Iterable<Segment>,
    private readonly dead: DeadLetters,
    private readonly options: ResolvedOptions,
  ) {}

  /** Asks for a write soon. Cheap: every append calls it. */
  soon(): void {
    if (this.#writeTimer !== undefined) return
    this.#writeTimer = setTimeout(() => this.now(), this.fault === undefined ? this.options.writeEveryMs : RETRY_MS)
    this.#writeTimer.unref()
  }

  /** Writes all there is, without waiting for the fsync; false when the disk refused. */
  now(): boolean {
    clearTimeout(this.#writeTimer)
    this.#writeTimer = undefined
    try {
      // A dead letter before the acknowledgement of its event: a crash in between doubles it and loses nothing.
      this.dead.write()
      for (const segment of this.segments()) {
        if (segment.unwritten > 0) {
          segment.write()
          this.#dirty.add(segment)
        }
        if (segment.hasAcks) segment.writeAcks()
      }
      this.#well()
      return true
    } catch (error) {
      this.#refused(error as NodeJS.ErrnoException)
      return false
    }
  }

  /** Resolves when all that is in memory now has been written and fsynced. @throws UNAVAILABLE */
  synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#syncing ??= this.#sync()
    })
  }

  forget(segment: Segment): void {
    this.#dirty.delete(segment)
  }

  stop(): void {
    clearTimeout(this.#writeTimer)
    clearTimeout(this.#syncTimer)
    this.#writeTimer = this.#syncTimer = undefined
  }

  async #sync(): Promise<void> {
    try {
      do {
        await new Promise((resolve) => setImmediate(resolve))
        clearTimeout(this.#syncTimer)
        this.#syncTimer = undefined
        const group = this.#waiting.splice(0)
        const error = this.now() ? await this.#fsync() : this.fault
        for (const { resolve, reject } of group) error === undefined ? resolve() : reject(unavailable(error))
      } while (this.#waiting.length > 0)
    } finally {
      this.#syncing = undefined
    }
  }

  async #fsync(): Promise<NodeJS.ErrnoException | undefined> {
    try {
      for (const segment of [...this.#dirty]) {
        this.#dirty.delete(segment)
        await segment.sync()
      }
      await this.dead.sync()
      return undefined
    } catch (error) {
      return error as NodeJS.ErrnoException
    }
  }

  #well(): void {
    if (this.fault !== undefined) this.options.log.info({ directory: this.options.directory }, 'the spool can write to its disk again')
    this.fault = undefined
    if (this.#dirty.size === 0 || this.#syncTimer !== undefined || this.#syncing !== undefined) return
    this.#syncTimer = setTimeout(() => void this.synced().catch(() => undefined), this.options.syncEveryMs)
    this.#syncTimer.unref()
  }

  #refused(error: NodeJS.ErrnoException): void {
    if (this.fault === undefined)
      this.options.log.error(
        { directory: this.options.directory, code: error.code },
        'the spool cannot write to its disk: events stay in memory',
      )
    this.fault = error
    this.soon()
  }
}

function unavailable(cause: NodeJS.ErrnoException): PortError {
  return new PortError('UNAVAILABLE', {
    adapter: 'spool',
    operation: 'synced',
    detail: `the spool's disk refused a write (${cause.code ?? cause.message}): make room or mend it`,
    outcome: 'unknown',
    cause,
  })
}
