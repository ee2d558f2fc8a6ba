import { PortError } from '../errors.js'

/** What became of one key. */
export interface DeleteOutcome {
  readonly key: string
  /** Absent = the blob is gone, or was never there. */
  readonly error?: PortError
}

/** Groups `keys` into batches without reading further than it must. */
export async function* batches(keys: Iterable<string> | AsyncIterable<string>, size: number): AsyncGenerator<readonly string[], void> {
  let batch: string[] = []
  for await (const key of keys) {
    batch.push(key)
    if (batch.length >= size) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

/**
 * The outcomes of one batch over several tries: what failed for a reason that may pass is sent again, alone [B103].
 * `attempt` throws while something may still succeed, so that the port's retry decides about the next try.
 */
export class BatchOutcomes {
  readonly #errors = new Map<string, PortError>()
  #pending: readonly string[]

  constructor(keys: readonly string[]) {
    this.#pending = keys
  }

  async attempt(send: (keys: readonly string[]) => Promise<readonly (Error | undefined)[]>): Promise<void> {
    const asked = this.#pending
    const answers = await send(asked)
    if (answers.length !== asked.length)
      throw new PortError('INTERNAL', { detail: `the adapter answered for ${answers.length} of ${asked.length} keys` })
    const again: string[] = []
    asked.forEach((key, index) => {
      const answer = answers[index]
      this.#errors.delete(key)
      if (answer === undefined) return
      const error = PortError.is(answer) ? answer : new PortError('INTERNAL', { cause: answer })
      this.#errors.set(key, error)
      if (error.retryable) again.push(key)
    })
    this.#pending = again
    if (again.length > 0) throw this.#errors.get(again[0]!)!
  }

  /** Called when no further try is made: keys without an answer get the batch's error. */
  failRest(error: PortError): void {
    for (const key of this.#pending) if (!this.#errors.has(key)) this.#errors.set(key, error)
  }

  errorOf(key: string): PortError | undefined {
    return this.#errors.get(key)
  }
}
