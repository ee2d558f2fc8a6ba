import type { EventRecord, EventSpool, Settled, SpoolCounts, SpooledDead, SpooledEvent, SpoolListener, SpoolPolicy } from './spool.js'

export interface MemorySpoolOptions {
  /** Bound of pending events in bytes. Default 64 MiB. Dead letters may take a quarter of it more. */
  readonly maxBytes?: number
  /** Default `dropOldest`. */
  readonly policy?: SpoolPolicy
  /** Default Date.now. */
  readonly now?: () => number
}

interface Waiting extends SpooledEvent {
  attempts: number
}

const encoder = new TextEncoder()
const MEBIBYTE = 1_048_576
/** The head of the queue is cut off only now and then, because `shift` on a long array is slow. */
const COMPACT_AT = 1_024

/** A spool without a disk: bounded and counted like the real one, gone with the process. */
export class MemorySpool implements EventSpool {
  readonly #maxBytes: number
  readonly #policy: SpoolPolicy
  readonly #now: () => number
  readonly #taken = new Map<number, Waiting>()
  #queue: Waiting[] = []
  #head = 0
  #dead: SpooledDead[] = []
  #listeners: SpoolListener[] = []
  #last = 0
  #readyBytes = 0
  #takenBytes = 0
  #deadBytes = 0
  #appended = 0
  #accepted = 0
  #dropped = 0

  constructor(options: MemorySpoolOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 64 * MEBIBYTE
    this.#policy = options.policy ?? 'dropOldest'
    this.#now = options.now ?? Date.now
  }

  get lastSequence(): number {
    return this.#last
  }

  get readyEvents(): number {
    return this.#queue.length - this.#head
  }

  get readyBytes(): number {
    return this.#readyBytes
  }

  append(record: EventRecord): number {
    this.#appended += 1
    return this.#enqueue(record, encoder.encode(record.text))
  }

  bury(record: EventRecord, reason: string, whole: boolean): void {
    this.#appended += 1
    this.#addDead(record, encoder.encode(record.text), reason, whole)
  }

  synced(): Promise<void> {
    return Promise.resolve()
  }

  async take(maxEvents: number, maxBytes: number, perEventBytes = 0): Promise<readonly SpooledEvent[]> {
    const batch: Waiting[] = []
    let bytes = 0
    while (this.#head < this.#queue.length && batch.length < maxEvents) {
      const next = this.#queue[this.#head]!
      bytes += next.bytes.byteLength + perEventBytes
      if (bytes > maxBytes && batch.length > 0) break
      this.#removeHead(next)
      this.#takenBytes += next.bytes.byteLength
      this.#taken.set(next.sequence, next)
      batch.push(next)
    }
    return batch
  }

  settle(results: readonly Settled[]): void {
    for (const { event, dead } of results) {
      if (!this.#untake(event)) continue
      if (dead === undefined) this.#accepted += 1
      else this.#addDead(event, event.bytes, dead, true)
    }
  }

  release(events: readonly SpooledEvent[]): void {
    const back: Waiting[] = []
    for (const { sequence } of events) {
      const waiting = this.#taken.get(sequence)
      if (waiting === undefined) continue
      this.#untake(waiting)
      waiting.attempts += 1
      back.push(waiting)
      this.#readyBytes += waiting.bytes.byteLength
    }
    this.#queue = [...back, ...this.#queue.slice(this.#head)].sort((a, b) => a.sequence - b.sequence)
    this.#head = 0
  }

  settledBelow(): number {
    let lowest = this.#queue[this.#head]?.sequence ?? this.#last + 1
    for (const sequence of this.#taken.keys()) if (sequence < lowest) lowest = sequence
    return lowest
  }

  listen(listener: SpoolListener): void {
    this.#listeners.push(listener)
  }

  counts(): SpoolCounts {
    return {
      appended: this.#appended,
      recovered: 0,
      accepted: this.#accepted,
      pending: this.readyEvents + this.#taken.size,
      dead: this.#dead.length,
      dropped: this.#dropped,
      bytes: this.#readyBytes + this.#takenBytes + this.#deadBytes,
      maxBytes: this.#maxBytes,
    }
  }

  async *listDead(): AsyncIterable<SpooledDead> {
    yield* [...this.#dead]
  }

  async replayDead(mend: (dead: SpooledDead) => string | undefined = asItIs): Promise<number> {
    const stays: SpooledDead[] = []
    let replayed = 0
    for (const dead of this.#dead.splice(0)) {
      const text = dead.whole ? mend(dead) : undefined
      if (text === undefined) {
        stays.push(dead)
        continue
      }
      this.#deadBytes -= dead.bytes.byteLength
      this.#enqueue(dead, encoder.encode(text))
      replayed += 1
    }
    this.#dead.unshift(...stays)
    return replayed
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #enqueue({ id, type, at, key }: Omit<EventRecord, 'text'>, bytes: Uint8Array): number {
    if (!this.#makeRoom(bytes.byteLength)) {
      this.#dropped += 1
      return 0
    }
    const sequence = ++this.#last
    this.#queue.push({ id, type, at, ...(key === undefined ? {} : { key }), bytes, sequence, attempts: 0 })
    this.#readyBytes += bytes.byteLength
    return sequence
  }

  #makeRoom(bytes: number): boolean {
    const fits = (): boolean => this.#readyBytes + this.#takenBytes + bytes <= this.#maxBytes
    if (fits()) return true
    if (this.#policy === 'dropNewest' || this.#takenBytes + bytes > this.#maxBytes) return false
    while (!fits()) {
      const oldest = this.#queue[this.#head]!
      this.#removeHead(oldest)
      this.#dropped += 1
      for (const listener of this.#listeners) listener.dropped(oldest.sequence, oldest.sequence)
    }
    return true
  }

  #removeHead(head: Waiting): void {
    this.#readyBytes -= head.bytes.byteLength
    this.#head += 1
    if (this.#head < COMPACT_AT || this.#head * 2 < this.#queue.length) return
    this.#queue = this.#queue.slice(this.#head)
    this.#head = 0
  }

  #untake(event: SpooledEvent): boolean {
    if (!this.#taken.delete(event.sequence)) return false
    this.#takenBytes -= event.bytes.byteLength
    return true
  }

  #addDead({ id, type, at, key }: Omit<EventRecord, 'text'>, bytes: Uint8Array, reason: string, whole: boolean): void {
    if (this.#deadBytes + bytes.byteLength > this.#maxBytes / 4) {
      this.#dropped += 1
      return
    }
    this.#dead.push({ id, type, at, ...(key === undefined ? {} : { key }), bytes, reason, whole, diedAt: new Date(this.#now()) })
    this.#deadBytes += bytes.byteLength
  }
}

function asItIs(dead: SpooledDead): string {
  return new TextDecoder().decode(dead.bytes)
}
