import type { HeldRecord } from './record.js'

interface Waiter {
  readonly most: number
  readonly deadlineMs: number
  readonly settle: (records: HeldRecord[]) => void
  readonly fail: (error: Error) => void
}

export interface Poll {
  readonly maxRecords: number
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

/** An answer may need this long after its wait at the broker before a poll ends without it. */
const GRACE_MS = 1_000

/** Who asked for how many records, served in order; and what came when its asker was gone. */
export class Demand {
  readonly #waiters = new Set<Waiter>()
  #stock: HeldRecord[] = []
  /** Asked of brokers and not answered. */
  #asked = 0

  /** To be asked of brokers yet. */
  get open(): number {
    const now = Date.now()
    let wanted = 0
    for (const { most, deadlineMs } of this.#waiters) if (deadlineMs > now) wanted += most
    return Math.max(0, wanted - this.#asked - this.#stock.length)
  }

  get asked(): number {
    return this.#asked
  }

  get stock(): number {
    return this.#stock.length
  }

  /** Milliseconds for which somebody still waits. */
  get patienceMs(): number {
    let last = 0
    for (const { deadlineMs } of this.#waiters) last = Math.max(last, deadlineMs)
    return Math.max(0, last - Date.now())
  }

  /** Resolves with one to `maxRecords` records as soon as there are any, or with none when the time is over. */
  wait({ maxRecords, waitMs, signal }: Poll): Promise<HeldRecord[]> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiters.delete(waiter)
        clearTimeout(timer)
        clearTimeout(late)
        signal?.removeEventListener('abort', abort)
      }
      const waiter: Waiter = {
        most: maxRecords,
        // The shortest wait still asks once.
        deadlineMs: Date.now() + Math.max(1, waitMs),
        settle: (records) => {
          stop()
          resolve(records)
        },
        fail: (error) => {
          stop()
          reject(error)
        },
      }
      const abort = (): void => waiter.fail(signal!.reason as Error)
      const timer = setTimeout(() => this.#serve(), waitMs + 1)
      const late = setTimeout(() => waiter.settle([]), waitMs + GRACE_MS)
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.add(waiter)
      this.#serve()
    })
  }

  /** `count` records are being asked of a broker; call what is returned with what came. */
  ask(count: number): (records: readonly HeldRecord[]) => void {
    this.#asked += count
    return (records) => {
      this.#asked -= count
      this.#stock.push(...records)
      this.#serve()
    }
  }

  /** What came and nobody took yet. */
  peek(): readonly HeldRecord[] {
    return this.#stock
  }

  /** What came and nobody took. */
  takeStock(): HeldRecord[] {
    const stock = this.#stock
    this.#stock = []
    return stock
  }

  /** Ends every wait: with an error, or with nothing. */
  end(error?: Error): void {
    for (const waiter of [...this.#waiters]) error === undefined ? waiter.settle([]) : waiter.fail(error)
  }

  #serve(): void {
    // What was lost while it lay here is nobody's any more.
    this.#stock = this.#stock.filter(({ state }) => state === 'held')
    const now = Date.now()
    for (const waiter of [...this.#waiters]) {
      if (this.#stock.length > 0) waiter.settle(this.#stock.splice(0, waiter.most))
      else if (waiter.deadlineMs <= now && this.#asked === 0) waiter.settle([])
    }
  }
}
