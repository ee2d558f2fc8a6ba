import type { Clock, DeadQuery, DriverCall, DriverDeadPage } from '@pdvend/ports'
import type { DeadLetterBox, FiledLetter } from './bucket/types.js'
import type { Sender } from './sender.js'
import type { Strays } from './strays.js'

export interface DeadJobsDeps {
  readonly letters: DeadLetterBox
  readonly strays: Strays
  readonly sender: Sender
  readonly clock: Clock
}

/** What can be done with dead letters. */
export class DeadJobs {
  constructor(private readonly deps: DeadJobsDeps) {}

  async list(query: DeadQuery & DriverCall & { readonly cursor?: string; readonly limit: number }): Promise<DriverDeadPage> {
    if (query.cursor === undefined) await this.deps.strays.file(query.name, query)
    return this.deps.letters.list(query)
  }

  /** Sent before the letter is removed: who dies between leaves both. Jobs of one key go in the order of their deaths. */
  async redrive(ids: readonly string[], call: DriverCall): Promise<number> {
    const { letters, sender, clock } = this.deps
    return this.#each(ids, call, async (letter) => {
      const { job, diedAt } = letter
      const again = { ...job, dueAt: Math.min(job.dueAt, clock.now()) }
      // SQS drops a second message of one deduplication id within five minutes; each death makes it another one.
      await sender.send({ job: again, attempt: 1, crashes: 0 }, call, { deduplicationId: `${job.id}.${diedAt}` })
      await letters.remove(letter, call)
    })
  }

  async discard(ids: readonly string[], call: DriverCall): Promise<number> {
    return this.#each(ids, call, (letter) => this.deps.letters.remove(letter, call))
  }

  async #each(ids: readonly string[], call: DriverCall, act: (letter: FiledLetter) => Promise<void>): Promise<number> {
    const found = (await this.deps.letters.byIds(ids, call)).toSorted((a, b) => a.diedAt - b.diedAt)
    const lines = new Map<string, FiledLetter[]>()
    for (const letter of found) {
      const { id, name, key } = letter.job
      const line = key === undefined ? id : `${name} ${key}`
      lines.set(line, [...(lines.get(line) ?? []), letter])
    }
    await Promise.all(
      Array.from(lines.values(), async (line) => {
        for (const letter of line) await act(letter)
      }),
    )
    return found.length
  }
}
