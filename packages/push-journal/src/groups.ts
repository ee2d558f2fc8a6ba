import { PortError } from '@pdvend/ports'
import { onAbort } from './abort.js'

/** The most items of one group, so that no group holds its locks for long. */
const MAX_ITEMS = 512
/** The most bytes of one group; a single larger item is a group of its own. */
const MAX_BYTES = 4 * 1024 * 1024

interface Item<Input, Output> {
  readonly input: Input
  /** Settles the caller's promise; once it has given up, nothing happens. */
  readonly settle: (result: Output | PortError) => void
  readonly gaveUp: () => boolean
}

/**
 * Group commit: what one tick of the event loop asks for goes to the server together, and what is asked for meanwhile makes up
 * the next group. One group at a time, in the order of the calls. `commit` gives a result or an error for each input, or
 * throws where the whole group failed.
 */
export class Groups<Input, Output> {
  #queue: Item<Input, Output>[] = []
  #running: Promise<void> | undefined

  constructor(
    private readonly commit: (inputs: readonly Input[]) => Promise<readonly (Output | PortError)[]>,
    private readonly bytesOf: (input: Input) => number,
  ) {}

  /**
   * Resolves when the input's group has committed. An abort before its turn takes it out (`not-applied`); one that comes later
   * lets go of the caller and not of the work.
   * @throws the signal's reason
   */
  add(input: Input, signal: AbortSignal): Promise<Output> {
    return new Promise<Output>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      let over = false
      const stop = onAbort(signal, () => {
        over = true
        reject(signal.reason as Error)
      })
      this.#queue.push({
        input,
        gaveUp: () => over,
        settle: (result) => {
          stop()
          if (PortError.is(result)) reject(result)
          else resolve(result)
        },
      })
      this.#running ??= this.#drain()
    })
  }

  /** Resolves when everything asked for before has ended. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        await new Promise((resolve) => setImmediate(resolve))
        const group = this.#take()
        if (group.length > 0) await this.#run(group)
      }
    } finally {
      this.#running = undefined
    }
  }

  #take(): readonly Item<Input, Output>[] {
    const waiting = this.#queue.filter((item) => !item.gaveUp())
    let bytes = 0
    let count = 0
    for (const { input } of waiting) {
      bytes += this.bytesOf(input)
      if (count === MAX_ITEMS || (count > 0 && bytes > MAX_BYTES)) break
      count += 1
    }
    this.#queue = waiting.slice(count)
    return waiting.slice(0, count)
  }

  async #run(group: readonly Item<Input, Output>[]): Promise<void> {
    try {
      const results = await this.commit(group.map(({ input }) => input))
      group.forEach(({ settle }, at) => settle(results[at]!))
    } catch (cause) {
      const error = PortError.is(cause) ? cause : new PortError('INTERNAL', { cause })
      if (group.length === 1 || !isAboutOne(error)) return group.forEach(({ settle }) => settle(error))
      // One of them cannot be stored: it must not take its neighbours with it.
      for (const item of group) await this.#run([item])
    }
  }
}

function isAboutOne(error: PortError): boolean {
  return PortError.is(error, 'INVALID_ARGUMENT', 'TOO_LARGE', 'INTERNAL')
}
