/** What became of an entry: undefined, or why it failed. */
export type EntryOutcome = Error | undefined

export interface BatcherOptions<Entry> {
  /** Sends some entries as one request; one outcome an entry, in order. */
  readonly send: (entries: readonly Entry[]) => Promise<readonly EntryOutcome[]>
  readonly maxEntries: number
  readonly maxBytes?: number
  readonly bytesOf?: (entry: Entry) => number
  /** Requests under way at once. */
  readonly parallel: number
}

interface Waiting<Entry> {
  readonly entry: Entry
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Gathers what one turn of the event loop asks for, and whatever comes while all requests are under way, into batches. What is
 * alone goes alone, at once.
 */
export class Batcher<Entry> {
  #waiting: Waiting<Entry>[] = []
  #flying = 0
  #scheduled = false

  constructor(private readonly options: BatcherOptions<Entry>) {}

  /** Settles with the entry's own outcome. */
  add(entry: Entry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      process.nextTick(() => {
        this.#scheduled = false
        this.#start()
      })
    })
  }

  #start(): void {
    while (this.#flying < this.options.parallel && this.#waiting.length > 0) {
      this.#flying++
      void this.#fly(this.#take()).finally(() => {
        this.#flying--
        this.#start()
      })
    }
  }

  #take(): readonly Waiting<Entry>[] {
    const { maxEntries, maxBytes = Number.POSITIVE_INFINITY, bytesOf = () => 0 } = this.options
    return this.#waiting.splice(
      0,
      firstBatch(
        this.#waiting.slice(0, maxEntries).map(({ entry }) => bytesOf(entry)),
        maxEntries,
        maxBytes,
      ),
    )
  }

  async #fly(batch: readonly Waiting<Entry>[]): Promise<void> {
    try {
      const outcomes = await this.options.send(batch.map(({ entry }) => entry))
      for (const [at, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[at]
        if (outcome === undefined) resolve()
        else reject(outcome)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}

/** How many of the first entries of these sizes make one batch: at least one. */
export function firstBatch(sizes: readonly number[], maxEntries: number, maxBytes: number): number {
  let bytes = 0
  let count = 0
  while (count < sizes.length && count < maxEntries && (count === 0 || bytes + sizes[count]! <= maxBytes)) bytes += sizes[count++]!
  return count
}
