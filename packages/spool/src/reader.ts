import type { SpooledEvent } from '@pdvend/ports'
import { FILE_HEADER, type FoundRecord, nextRecord } from './record.js'
import type { Segment } from './segment.js'

/** A record that was taken, and where it stands. */
interface Place extends SpooledEvent {
  readonly segment: Segment
  readonly offset: number
  readonly end: number
  attempts: number
}

/** Reads the segments in order, each record once; keeps what is taken until it is settled, and what is given back for the next take. */
export class Reader {
  /** Records that can be taken, and the bytes of their bodies (of records not read yet: with their headers). */
  events = 0
  bytes = 0
  readonly #taken = new Map<number, Place>()
  /** Given back, in order. */
  #returned: Place[] = []
  /** Index of the segment being read. */
  #at = 0
  #offset = FILE_HEADER
  #ordinal = 0
  #taking: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly segments: readonly Segment[],
    private readonly lost: (segment: Segment, first: number, records: number) => void,
  ) {}

  appended(segment: Segment, bytes: number): void {
    segment.unread += 1
    segment.unreadBytes += bytes
    this.events += 1
    this.bytes += bytes
  }

  /** Recovered segments now stand at the end of the list. */
  added(segments: readonly Segment[]): void {
    for (const { unread, unreadBytes } of segments) {
      this.events += unread
      this.bytes += unreadBytes
    }
  }

  take(maxEvents: number, maxBytes: number, perEventBytes: number): Promise<readonly SpooledEvent[]> {
    const taken = this.#taking.then(() => this.#take(maxEvents, maxBytes, perEventBytes))
    this.#taking = taken.catch(() => undefined)
    return taken
  }

  /** Ends a taken record; undefined when it was not taken. */
  settle(sequence: number): Place | undefined {
    const place = this.#taken.get(sequence)
    this.#taken.delete(sequence)
    return place
  }

  release(events: readonly SpooledEvent[]): void {
    for (const { sequence } of events) {
      const place = this.settle(sequence)
      if (place === undefined) continue
      place.attempts += 1
      this.#returned.push(place)
      this.events += 1
      this.bytes += place.bytes.byteLength
    }
    this.#returned.sort((a, b) => a.sequence - b.sequence)
  }

  settledBelow(last: number): number {
    let lowest = this.#returned[0]?.sequence ?? last + 1
    for (let index = this.#at; index < this.segments.length; index++) {
      const segment = this.segments[index]!
      if (segment.unread === 0) continue
      lowest = Math.min(lowest, segment.firstSequence + (index === this.#at ? this.#ordinal : 0))
      break
    }
    for (const sequence of this.#taken.keys()) if (sequence < lowest) lowest = sequence
    return lowest
  }

  /** Gives up what of `segment` waits: its unread records and those given back. */
  drop(segment: Segment): { readonly count: number; readonly first: number; readonly last: number } {
    const back = this.#returned.filter((place) => place.segment === segment)
    this.#returned = this.#returned.filter((place) => place.segment !== segment)
    for (const place of back) this.bytes -= place.bytes.byteLength
    const count = segment.unread + back.length
    const unreadFrom = segment.firstSequence + (this.segments[this.#at] === segment ? this.#ordinal : 0)
    const first = back[0]?.sequence ?? unreadFrom
    const last = segment.unread > 0 ? segment.firstSequence + segment.records - 1 : (back.at(-1)?.sequence ?? first)
    this.events -= count
    this.bytes -= segment.unreadBytes
    segment.pending -= count
    segment.unread = segment.unreadBytes = 0
    return { count, first, last }
  }

  /** The segment that stood at `index` is gone. */
  removed(index: number): void {
    if (index < this.#at) this.#at -= 1
    else if (index === this.#at) this.#begin()
  }

  async #take(maxEvents: number, maxBytes: number, perEventBytes: number): Promise<readonly SpooledEvent[]> {
    const batch: Place[] = []
    let bytes = 0
    const fits = (size: number): boolean => {
      if (batch.length > 0 && bytes + size + perEventBytes > maxBytes) return false
      bytes += size + perEventBytes
      return true
    }
    while (this.#returned.length > 0 && batch.length < maxEvents && fits(this.#returned[0]!.bytes.byteLength)) {
      const place = this.#returned.shift()!
      this.bytes -= place.bytes.byteLength
      this.#keep(place)
      batch.push(place)
    }
    while (this.#returned.length === 0 && batch.length < maxEvents) {
      const segment = await this.#current()
      if (segment?.buffer === undefined) {
        if (segment === undefined) break
        continue
      }
      const found = this.#next(segment, segment.buffer)
      if (found === undefined) continue
      if (!fits(found.body.byteLength)) break
      const place = this.#read(segment, found)
      this.#keep(place)
      batch.push(place)
    }
    return batch
  }

  #keep(place: Place): void {
    this.events -= 1
    this.#taken.set(place.sequence, place)
  }

  /** The segment with the next record, its bytes in memory; undefined when everything is read. */
  async #current(): Promise<Segment | undefined> {
    for (;;) {
      const segment = this.segments[this.#at]
      if (segment === undefined) return undefined
      if (segment.unread > 0) {
        segment.reading = true
        if (segment.buffer !== undefined) return segment
        try {
          await segment.load()
        } catch {
          if (this.segments[this.#at] === segment) this.#miss(segment, segment.unread)
        }
        // It may have been dropped meanwhile: look again.
        continue
      }
      if (!segment.sealed) return undefined
      segment.reading = false
      segment.unload()
      this.#at += 1
      this.#begin()
    }
  }

  /** The next whole record that is not settled; undefined when there is none in this segment, which then has no unread ones. */
  #next(segment: Segment, bytes: Buffer): FoundRecord | undefined {
    for (;;) {
      const found = nextRecord(bytes, this.#offset, Math.min(segment.filled, bytes.length), segment.fresh)
      if (found === undefined) {
        this.#miss(segment, segment.unread)
        return undefined
      }
      if (segment.acknowledged?.(found.offset) !== true) {
        if (!segment.recovered && found.ordinal > this.#ordinal) this.#miss(segment, found.ordinal - this.#ordinal)
        return found
      }
      this.#offset = found.end
    }
  }

  #read(segment: Segment, { id, type, at, key, body, offset, end, ordinal }: FoundRecord): Place {
    this.#offset = end
    this.#ordinal = ordinal + 1
    // Unread bytes count the record's header for appended ones: what is left over goes with the last of them.
    const size = segment.recovered ? body.byteLength : end - offset
    segment.unread -= 1
    segment.unreadBytes -= size
    this.bytes -= size
    return {
      id,
      type,
      at,
      ...(key === undefined ? {} : { key }),
      bytes: body,
      sequence: segment.firstSequence + ordinal,
      attempts: 0,
      segment,
      offset,
      end,
    }
  }

  #miss(segment: Segment, records: number): void {
    const first = segment.firstSequence + this.#ordinal
    segment.unread -= records
    segment.pending -= records
    this.events -= records
    this.#ordinal += records
    if (segment.unread === 0) {
      this.bytes -= segment.unreadBytes
      segment.unreadBytes = 0
    }
    this.lost(segment, first, records)
  }

  #begin(): void {
    this.#offset = FILE_HEADER
    this.#ordinal = 0
  }
}
