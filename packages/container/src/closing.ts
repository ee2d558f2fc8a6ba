import { type Logger, PortError } from '@pdvend/ports'

/** Closes what was opened: the last first, one at a time, each with a deadline; a failure never keeps the rest open. */
export class ClosingStack {
  readonly #entries: { readonly name: string; readonly close: (budgetMs: number) => Promise<unknown> }[] = []
  #closing: Promise<void> | undefined

  constructor(readonly log: Logger) {}

  get closing(): boolean {
    return this.#closing !== undefined
  }

  /** @throws CLOSED once closing has begun */
  add(name: string, close: (budgetMs: number) => Promise<unknown>): void {
    if (this.closing)
      throw new PortError('CLOSED', { adapter: 'container', operation: 'onClose', target: name, detail: 'the app is closing' })
    this.#entries.push({ name, close })
  }

  /**
   * Closes everything within `budgetMs`: each entry may take its even share of what is left, so that one that hangs
   * costs the others nothing. Idempotent: later calls get the first one's outcome.
   * @throws AggregateError with a PortError for each entry that failed or was late
   */
  close(budgetMs: number): Promise<void> {
    return (this.#closing ??= this.#run(budgetMs))
  }

  async #run(budgetMs: number): Promise<void> {
    const end = performance.now() + budgetMs
    const failures: PortError[] = []
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { name, close } = entry
      const shareMs = Math.max(1, (end - performance.now()) / (this.#entries.length + 1))
      try {
        await within(shareMs, `${name} did not close within its ${Math.round(shareMs)} ms`, () => close(shareMs))
        this.log.debug({ name }, 'closed')
      } catch (cause) {
        const failure = PortError.is(cause) ? cause : new PortError('INTERNAL', { adapter: name, operation: 'close', cause })
        failures.push(failure)
        this.log.error({ name, code: failure.code }, 'could not close')
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of what was open did not close well`)
  }
}

/**
 * Waits for `work`, at most `ms`. The timer is not unref'd: a process that is closing must live to see its end.
 * @throws DEADLINE_EXCEEDED with `late` as its detail
 */
export async function within<T>(ms: number, late: string, work: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PortError('DEADLINE_EXCEEDED', { adapter: 'container', detail: late })), ms)
  })
  try {
    return await Promise.race([work(), deadline])
  } finally {
    clearTimeout(timer)
  }
}
