import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { EventRecord, EventSpool, Settled, SpoolCounts, SpooledDead, SpooledEvent, SpoolListener } from '@pdvend/ports'
import { DeadLetters } from './dead-letters.js'
import { beforeExit } from './exit.js'
import type { ResolvedOptions } from './options.js'
import { adoptOrphans, ownName, setFree, signOfLife } from './owner.js'
import { FILE_HEADER, type RecordFields, recordBound, recordBytes, writeEvent } from './record.js'
import { Reader } from './reader.js'
import { recoverFolder } from './recover.js'
import { Segment } from './segment.js'
import { Writer } from './writer.js'

const MEBIBYTE = 1_048_576
/** More than this in memory is written at once, even in the middle of a tick. */
const WRITE_AT_BYTES = MEBIBYTE
/** While the disk refuses, memory holds so much; what comes then is dropped and counted. */
const HOLD_BYTES = 8 * MEBIBYTE
const SIGN_OF_LIFE_MS = 10_000
/** Dead letters may take this part of `maxBytes` beside it. */
const DEAD_PART = 4

/** The spool on disk; make one with {@link openSpool}. README.md tells the format and what a crash can do. */
export class DiskSpool implements EventSpool {
  readonly #folder: string
  readonly #dead: DeadLetters
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #segments: Segment[] = []
  /** Folders of dead processes that this one has taken over. */
  readonly #adopted = new Set<string>()
  readonly #listeners: SpoolListener[] = []
  readonly #timers: ReturnType<typeof setInterval>[] = []
  readonly #forgetExit: () => void
  #active: Segment | undefined
  #number = 0
  #last = 0
  #bytes = 0
  #appended = 0
  #recovered = 0
  #accepted = 0
  #pending = 0
  #dropped = 0
  /** Adoption and replay, one at a time. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Segments that are done but wait for a dead letter to be on disk. */
  readonly #held = new Set<Segment>()
  #closing: Promise<void> | undefined

  /** Makes this process's folder. @throws what the disk says */
  constructor(private readonly options: ResolvedOptions) {
    const { directory, files, now, adoptEveryMs } = options
    this.#folder = join(directory, ownName())
    files.mkdir(this.#folder)
    signOfLife(this.#folder)
    this.#dead = new DeadLetters(() => this.#folder, files, now)
    this.#writer = new Writer(() => this.#segments, this.#dead, options)
    this.#reader = new Reader(this.#segments, (segment, first, records) => this.#lose(segment, first, records))
    this.#forgetExit = beforeExit(() => this.#writer.now())
    this.#every(SIGN_OF_LIFE_MS, () => [this.#folder, ...this.#adopted].forEach(signOfLife))
    this.#every(adoptEveryMs, () => void this.adopt())
  }

  get lastSequence(): number {
    return this.#last
  }

  get readyEvents(): number {
    return this.#reader.events
  }

  get readyBytes(): number {
    return this.#reader.bytes
  }

  append(record: EventRecord): number {
    this.#appended += 1
    return this.#enqueue(record, record.text)
  }

  bury(record: EventRecord, reason: string, whole: boolean): void {
    this.#appended += 1
    this.#addDead(record, record.text, reason, whole)
    this.#writer.soon()
  }

  synced(): Promise<void> {
    return this.#writer.synced()
  }

  take(maxEvents: number, maxBytes: number, perEventBytes = 0): Promise<readonly SpooledEvent[]> {
    return this.#reader.take(maxEvents, maxBytes, perEventBytes)
  }

  settle(results: readonly Settled[]): void {
    for (const { event, dead } of results) {
      const place = this.#reader.settle(event.sequence)
      if (place === undefined) continue
      this.#pending -= 1
      place.segment.acknowledge(place.offset, place.end)
      if (dead === undefined) this.#accepted += 1
      else {
        this.#addDead(event, event.bytes, dead, true)
        place.segment.awaitsDead = true
      }
      this.#tidy(place.segment)
    }
    this.#writer.now()
    if (this.#dead.unwritten) return
    for (const segment of this.#held) this.#tidy(segment)
    this.#held.clear()
  }

  release(events: readonly SpooledEvent[]): void {
    this.#reader.release(events)
  }

  settledBelow(): number {
    return this.#reader.settledBelow(this.#last)
  }

  listen(listener: SpoolListener): void {
    this.#listeners.push(listener)
  }

  counts(): SpoolCounts {
    return {
      appended: this.#appended,
      recovered: this.#recovered,
      accepted: this.#accepted,
      pending: this.#pending,
      dead: this.#dead.count,
      dropped: this.#dropped,
      bytes: this.#bytes + this.#dead.bytes,
      maxBytes: this.options.maxBytes,
    }
  }

  listDead(): AsyncIterable<SpooledDead> {
    return this.#dead.list()
  }

  async replayDead(mend: (dead: SpooledDead) => string | undefined = asItIs): Promise<number> {
    return this.#inTurn(async () => {
      const back = (dead: SpooledDead): boolean => {
        const text = dead.whole ? mend(dead) : undefined
        if (text === undefined) return false
        this.#enqueue(dead, text)
        return true
      }
      await this.synced()
      const replayed = await this.#dead.remove(back, () => this.synced())
      this.#tidyFolders()
      return replayed
    })
  }

  /** Takes over what dead processes left; each folder goes to one process alone. */
  adopt(): Promise<void> {
    return this.#inTurn(() => this.#adopt()).catch((error: unknown) =>
      this.options.log.warn({ error: String(error) }, 'orphaned spool folders could not be taken over'),
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#turn
    await this.synced().catch(() => undefined)
    this.#forgetExit()
    this.#writer.stop()
    this.#dead.close()
    for (const segment of [...this.#segments]) {
      if (segment.pending === 0) this.#remove(segment)
      else segment.close()
    }
    for (const folder of [this.#folder, ...this.#adopted]) this.#leave(folder)
  }

  #leave(folder: string): void {
    try {
      if (readdirSync(folder).some((name) => name.endsWith('.seg') || name.endsWith('.dead'))) setFree(this.options.directory, folder)
      else rmSync(folder, { recursive: true, force: true })
    } catch (error) {
      this.options.log.warn(
        { folder, error: String(error) },
        'a spool folder could not be left in order: it is adopted when this process is gone',
      )
    }
  }

  async #adopt(): Promise<void> {
    if (this.#closing !== undefined) return
    const { directory, files, log } = this.options
    for (const folder of adoptOrphans(directory)) {
      this.#adopted.add(folder)
      // What this process appends from now on comes behind what it takes over.
      this.#seal()
      const before = this.#last
      const { segments, lost, next } = await recoverFolder(folder, before + 1, files, log)
      const dead = await this.#dead.adopt(folder)
      // Appends during the reading got sequences too: those of the adopted records are moved behind them.
      this.#seal()
      const shift = this.#last - before
      for (const segment of segments) {
        segment.firstSequence += shift
        this.#segments.push(segment)
        this.#bytes += segment.filled
        this.#pending += segment.pending
        this.#recovered += segment.pending
      }
      this.#last = next - 1 + shift
      this.#dead.count += dead.found
      this.#recovered += lost + dead.found + dead.lost
      this.#dropped += lost + dead.lost
      this.#reader.added(segments)
      log.info({ folder, segments: segments.length, dead: dead.found, lost }, 'spooled events of an earlier process are taken over')
      if (this.#reader.events > 0) for (const listener of this.#listeners) listener.arrived()
    }
    this.#tidyFolders()
  }

  #enqueue(fields: RecordFields, text: string): number {
    let segment = this.#active
    if (
      segment === undefined ||
      segment.filled + recordBound(fields, text.length) > segment.buffer!.length ||
      this.#bytes + text.length * 4 > this.options.maxBytes
    ) {
      const bytes = recordBytes(fields, text)
      if (!this.#makeRoom(bytes)) {
        this.#dropped += 1
        return 0
      }
      segment = this.#segmentFor(bytes)
    }
    const start = segment.filled
    segment.filled = writeEvent(segment.buffer!, start, segment.records, fields, text)
    const bytes = segment.filled - start
    segment.records += 1
    segment.pending += 1
    this.#reader.appended(segment, bytes)
    this.#bytes += bytes
    this.#pending += 1
    if (segment.unwritten > WRITE_AT_BYTES && this.#writer.fault === undefined) this.#writer.now()
    else this.#writer.soon()
    return ++this.#last
  }

  /** The growing segment, or a new one when the record does not fit. */
  #segmentFor(bytes: number): Segment {
    if (this.#active !== undefined && this.#active.filled + bytes <= this.#active.buffer!.length) return this.#active
    this.#seal()
    const { segmentBytes, files } = this.options
    const path = join(this.#folder, `${String(++this.#number).padStart(8, '0')}.seg`)
    this.#active = Segment.grow(path, this.#last + 1, Math.max(segmentBytes, FILE_HEADER + bytes), files)
    this.#segments.push(this.#active)
    this.#bytes += FILE_HEADER
    return this.#active
  }

  #seal(): void {
    const segment = this.#active
    if (segment === undefined) return
    this.#active = undefined
    segment.sealed = true
    if (segment.records === 0) this.#remove(segment)
    else if (segment.unwritten > 0 && this.#writer.fault === undefined) this.#writer.now()
    else segment.unload()
    this.#tidy(segment)
  }

  #makeRoom(bytes: number): boolean {
    const { maxBytes, policy } = this.options
    if (this.#writer.fault !== undefined && this.#unwrittenBytes() + bytes > HOLD_BYTES) return false
    if (this.#bytes + bytes + FILE_HEADER <= maxBytes) return true
    if (policy === 'dropNewest' || bytes + FILE_HEADER > maxBytes) return false
    while (this.#bytes + bytes + FILE_HEADER > maxBytes) {
      const oldest = this.#segments[0]
      if (oldest === undefined) return false
      if (oldest === this.#active) this.#seal()
      this.#drop(oldest)
    }
    return true
  }

  #unwrittenBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.unwritten, 0)
  }

  /** Gives up a segment's waiting records. Those on their way are in memory and may still be accepted. */
  #drop(segment: Segment): void {
    if (segment.removed) return
    const { count, first, last } = this.#reader.drop(segment)
    this.#dropped += count
    this.#pending -= count
    this.#remove(segment)
    if (count > 0) for (const listener of this.#listeners) listener.dropped(first, last)
  }

  /** Own records that a bad disk gave back damaged or not at all. */
  #lose(segment: Segment, first: number, records: number): void {
    this.#dropped += records
    this.#pending -= records
    this.options.log.error({ path: segment.path, records }, 'spool records are damaged: they are counted as dropped')
    this.#tidy(segment)
    for (const listener of this.#listeners) listener.dropped(first, first + records - 1)
  }

  #tidy(segment: Segment): void {
    if (!segment.sealed || segment.pending > 0 || segment.removed) return
    if (segment.awaitsDead && this.#dead.unwritten) this.#held.add(segment)
    else this.#remove(segment)
  }

  #remove(segment: Segment): void {
    this.#writer.forget(segment)
    this.#bytes -= segment.filled
    const index = this.#segments.indexOf(segment)
    this.#segments.splice(index, 1)
    this.#reader.removed(index)
    segment.remove()
  }

  /** Folders of dead processes go when nothing of them is left. */
  #tidyFolders(): void {
    for (const folder of this.#adopted) {
      if (
        this.#dead.holds(folder) ||
        this.#segments.some(({ path }) => path.startsWith(folder)) ||
        readdirSync(folder).some((name) => name.endsWith('.seg'))
      )
        continue
      rmSync(folder, { recursive: true, force: true })
      this.#adopted.delete(folder)
    }
  }

  #addDead(fields: RecordFields, body: Uint8Array | string, reason: string, whole: boolean): void {
    if (this.#dead.bytes + body.length > this.options.maxBytes / DEAD_PART) this.#dropped += 1
    else this.#dead.add(fields, body, reason, whole)
  }

  #every(ms: number, act: () => void): void {
    const timer = setInterval(() => {
      try {
        act()
      } catch (error) {
        this.options.log.warn({ directory: this.options.directory, error: String(error) }, 'the spool could not do its rounds')
      }
    }, ms)
    timer.unref()
    this.#timers.push(timer)
  }
}

function asItIs(dead: SpooledDead): string {
  return Buffer.from(dead.bytes.buffer, dead.bytes.byteOffset, dead.bytes.byteLength).toString('utf8')
}
