import type { DeviceStore } from './store.js'

/** Handled ids that are kept at most; beyond that the oldest are forgotten. */
const MAX_SEEN = 10_000

/** How far the device is done in each stream of one journal. */
export interface Progress {
  readonly journal: string
  readonly cursors: Readonly<Record<string, number>>
}

/** An answer that was given, so that a request that arrives again is answered without running again. */
export interface GivenAnswer {
  readonly expiresAt: number
  readonly frame: Readonly<Record<string, unknown>>
  /** Base64 of nothing but JSON text: the answer's envelope. */
  readonly body?: string
}

/** A message that the app has not settled yet. */
export interface Unsent {
  readonly id: string
  readonly expiresAt: number
  /** The envelope's text. */
  readonly body: string
}

/** What a device remembers, over its store: read from memory, written through. */
export class Memory {
  readonly seen = new Map<string, number>()
  readonly answers = new Map<string, GivenAnswer>()
  readonly unsent = new Map<string, Unsent>()
  progress: Progress | undefined

  private constructor(private readonly store: DeviceStore) {}

  static async open(store: DeviceStore): Promise<Memory> {
    const memory = new Memory(store)
    for (const [key, value] of await store.load()) {
      if (key === 'progress') memory.progress = value as Progress
      else if (key.startsWith('seen/')) memory.seen.set(key.slice(5), value as number)
      else if (key.startsWith('answer/')) memory.answers.set(key.slice(7), value as GivenAnswer)
      else if (key.startsWith('out/')) memory.unsent.set(key.slice(4), value as Unsent)
    }
    return memory
  }

  /** A message is done: its id and the place where it stood go to the store in one write. */
  async done(progress: Progress | undefined, seen?: { readonly id: string; readonly until: number }): Promise<void> {
    const changes = new Map<string, unknown>()
    if (progress !== undefined) {
      this.progress = progress
      changes.set('progress', progress)
    }
    if (seen !== undefined) {
      this.seen.set(seen.id, seen.until)
      changes.set(`seen/${seen.id}`, seen.until)
      this.#forgetSome(changes)
    }
    if (changes.size > 0) await this.store.write(changes)
  }

  async answered(id: string, answer: GivenAnswer, now: number): Promise<void> {
    const changes = new Map<string, unknown>([[`answer/${id}`, answer]])
    this.answers.set(id, answer)
    for (const [old, { expiresAt }] of this.answers) {
      if (expiresAt >= now) continue
      this.answers.delete(old)
      changes.set(`answer/${old}`, undefined)
    }
    await this.store.write(changes)
  }

  async toSend(message: Unsent): Promise<void> {
    this.unsent.set(message.id, message)
    await this.store.write(new Map([[`out/${message.id}`, message]]))
  }

  async sent(id: string): Promise<void> {
    if (this.unsent.delete(id)) await this.store.write(new Map([[`out/${id}`, undefined]]))
  }

  close(): Promise<void> {
    return this.store.close()
  }

  #forgetSome(changes: Map<string, unknown>): void {
    for (const [id] of this.seen) {
      if (this.seen.size <= MAX_SEEN) return
      this.seen.delete(id)
      changes.set(`seen/${id}`, undefined)
    }
  }
}
