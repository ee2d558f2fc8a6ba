import { injectable } from 'inversify'
import type { JobContext } from '@pdvend/ports'
import type { RunningJobRow } from '../contracts/api.js'

/** The jobs that this process has at work. The queue counts those of all processes; only each process knows its own by name. */
@injectable()
export class RunningJobs {
  readonly #jobs = new Map<string, RunningJobRow>()

  /** Runs `work`, listed while it runs. */
  async watch<T>(job: Pick<JobContext, 'id' | 'name' | 'attempt'>, subject: string, work: () => Promise<T>): Promise<T> {
    const { id, name, attempt } = job
    this.#jobs.set(id, { id, name, attempt, subject, startedAt: new Date().toISOString() })
    try {
      return await work()
    } finally {
      this.#jobs.delete(id)
    }
  }

  /** The longest-running first. */
  list(): readonly RunningJobRow[] {
    return [...this.#jobs.values()]
  }
}
